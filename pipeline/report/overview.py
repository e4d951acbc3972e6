"""What a reader wants to know first: every network in a row, and each step from one to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.intervals import UNKNOWN, Interval
from pipeline.report.findings import critical_batch_size
from pipeline.report.table import Table
from pipeline.wording import FORMULAS, HOLDS_ZERO, UNRESOLVED, detected, percent, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import Estimates
    from pipeline.figures.regret_evidence import Comparison

__all__ = ["overview", "rates", "steps_between"]


def overview(estimates: Estimates) -> Table:
    """Critical batch size and measures of finickiness, a row a network."""
    reference = f"{estimates.reference_batch_size:,}"
    return Table(
        "overview",
        f"Networks at a glance, {estimates.goal_quantity} at most {estimates.level()}; in brackets "
        f"the {estimates.interval_name}",
        (
            "Model",
            "Bigger batches stop paying at (critical batch size, examples)",
            f"Octaves of steps lost with batch size {reference}'s learning rate unchanged (F2)",
            "Decades of learning rate within 2× of the fewest steps (F1)",
            "Share of the box that diverges (F5)",
            "Tuned learning rate grows as (B_n in examples)",
        ),
        tuple(_network(estimates, model) for model in estimates.models),
        "The study has no models.",
        heads=1,
    )


def _network(estimates: Estimates, model: str) -> tuple[str, ...]:
    traits = estimates.traits[model]
    regret = estimates.finickiness.headline(model, estimates.hardest)
    window = span(traits.window)
    return (
        model,
        critical_batch_size(estimates.trade_off(model, estimates.hardest)),
        regret.said if regret else "not trained",
        f"{window} or more" if traits.wider and window != UNRESOLVED else window,
        span(traits.diverged, percent),
        _rule(traits.rule, traits.shape),
    )


def _rule(rule: str | None, shape: Interval) -> str:
    if rule is None:
        return UNRESOLVED
    if rule == "constant":
        return "does not grow"
    letter = "α" if rule == "power" else "B_n"
    return FORMULAS[rule] + ("" if shape == UNKNOWN else f", {letter} = {span(shape)}")


def rates(estimates: Estimates) -> Table:
    """The tuned learning rate of every network at every batch size."""
    found = {(cell.model, cell.batch_size): cell for cell in estimates.cells}

    def said(model: str, size: int) -> str:
        cell = found.get((model, size))
        if cell is None or not cell.feasible:
            return "cannot train"
        edge = f", at the {cell.tuned.edge} edge" if cell.tuned and cell.tuned.edge else ""
        return span(cell.tuned.rate) + edge if cell.tuned else UNRESOLVED

    return Table(
        "rates",
        f"Which learning rate goes with which batch size: fewest steps to {estimates.goal_quantity}"
        f" {estimates.level()}; in brackets the {estimates.interval_name}",
        ("Model", *(f"{size:,}" for size in estimates.batch_sizes)),
        tuple(
            (model, *(said(model, size) for size in estimates.batch_sizes))
            for model in estimates.models
        ),
        "The study has no models.",
        heads=1,
    )


def steps_between(estimates: Estimates) -> tuple[str, ...]:
    """Say of each network and the next whether the step makes it more finicky.

    Returns:
        A sentence a step, in the order of params.yaml.
    """
    pairs = estimates.finickiness.comparisons
    return tuple(_step(pair) for pair in pairs if pair.consecutive)


def _step(pair: Comparison) -> str:
    """Octaves are the second's less the first's: positive where the step costs."""
    start, lost = f"From {pair.first} to {pair.second}", pair.octaves
    if lost.value is None:
        return f"{start}: {UNRESOLVED}, {pair.reason}."
    ends = [-end for end in (lost.high, lost.low) if end is not None]
    between = f" ({' to '.join(f'{end:+.2f}' for end in ends)})" if len(ends) == 2 else ""
    change = f"{0.0 - lost.value:+.2f} octaves{between}"
    if pair.more_finicky is not None:
        return (
            f"{start}: {'more' if pair.more_finicky == pair.second else 'less'} finicky, {change}."
        )
    why = pair.reason
    if why == HOLDS_ZERO and pair.detectable is not None:
        why = detected(pair.detectable)
    return f"{start}: {UNRESOLVED}, {change}; {why}."

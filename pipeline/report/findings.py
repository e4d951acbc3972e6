"""What the study found, in sentences; every number comes with its interval or says it has none."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from pipeline.wording import UNRESOLVED, ends, number, p_value, percent, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.figures.evidence import BoundedInterval, CellEstimate, Estimates, TradeOff

__all__ = ["Finding", "bounded", "critical_batch_size", "findings"]


@dataclass(frozen=True)
class Finding:
    """What was found of one model.

    Attributes:
        model: Registered name.
        sentences: Whole sentences, in the order of the figures.
    """

    model: str
    sentences: tuple[str, ...]


def findings(estimates: Estimates) -> tuple[Finding, ...]:
    """Say of every model what its numbers say, and no more."""
    return tuple(
        Finding(model, tuple(filter(None, _sentences(estimates, model))))
        for model in estimates.models
    )


def critical_batch_size(fit: TradeOff | None) -> str:
    """The critical batch size in examples with its interval, a bound, or that there is none."""
    return bounded(fit.critical if fit is not None and fit.resolved else None)


def bounded(found: BoundedInterval | None) -> str:
    """A number with its interval, a bound, or that there is none."""
    if found is None:
        return UNRESOLVED
    interval, bound = found.interval, found.bound
    if bound == "lower" and interval.low is not None:
        return f"at least {number(interval.low)}"
    if bound == "upper" and interval.high is not None:
        return f"at most {number(interval.high)}"
    return span(interval)


def _sentences(estimates: Estimates, model: str) -> list[str]:
    cells = [cell for cell in estimates.of(model) if cell.feasible]
    return [
        _infeasible(estimates.of(model)),
        _steps(estimates, cells),
        _critical(estimates, model),
        _tuned(estimates, cells),
        _plain(estimates, cells, "constant"),
        _plain(estimates, cells, "tuned"),
    ]


def _infeasible(cells: Sequence[CellEstimate]) -> str:
    sizes = [cell.batch_size for cell in cells if not cell.feasible]
    reasons = dict.fromkeys(cell.reason for cell in cells if not cell.feasible)
    return f"It cannot train at {_batch_sizes(sizes)}: {'; '.join(reasons)}." if sizes else ""


def _steps(estimates: Estimates, cells: Sequence[CellEstimate]) -> str:
    goal = f"a {estimates.goal_quantity} of {estimates.level()}"
    reached = [
        (cell.batch_size, found.steps)
        for cell in cells
        for found in [cell.goal(estimates.hardest)]
        if found is not None and found.steps.value is not None
    ]
    if not reached:
        return f"Tuned steps to {goal} are {UNRESOLVED} at any batch size."
    spoken = " and ".join(f"{span(steps)} at batch size {size:,}" for size, steps in ends(reached))
    missing = [cell.batch_size for cell in cells if cell.batch_size not in dict(reached)]
    rest = f" At {_batch_sizes(missing)} they are {UNRESOLVED}." if missing else ""
    return f"Tuned, its steps to {goal} are {spoken}.{rest}"


def _critical(estimates: Estimates, model: str) -> str:
    fit = estimates.trade_off(model, estimates.hardest)
    value = critical_batch_size(fit)
    if fit is None or value == UNRESOLVED:
        reason = f": {fit.reason}" if fit is not None and fit.reason else ""
        return f"Its critical batch size is {UNRESOLVED}{reason}."
    doubt = (
        " The fitted form does not describe these steps well (lack-of-fit p-value "
        f"{p_value(fit.misfit)}), so read it with care."
        if fit.misfit is not None and estimates.misfits(fit)
        else ""
    )
    return (
        f"Its critical batch size is {value} examples: well below it, a larger batch costs few "
        f"more examples; well above it, a larger batch saves few steps.{doubt}"
    )


def _tuned(estimates: Estimates, cells: Sequence[CellEstimate]) -> str:
    tuned = [
        (cell.batch_size, cell.tuned)
        for cell in cells
        if cell.tuned is not None and cell.tuned.rate.value is not None
    ]
    if not tuned:
        return f"Its tuned learning rate is {UNRESOLVED}."
    spoken = " and ".join(f"{span(rate.rate)} at batch size {size:,}" for size, rate in ends(tuned))
    edges = [size for size, rate in tuned if rate.edge]
    flag = (
        f" At {_batch_sizes(edges)} it lies at an edge of what was tried; the best may lie beyond."
        if edges
        else ""
    )
    return f"Its tuned learning rate is {spoken}.{flag}"


def _plain(estimates: Estimates, cells: Sequence[CellEstimate], rule: str) -> str:
    budgets = [(cell.batch_size, cell.plain[rule]) for cell in cells if rule in cell.plain]
    errors = [
        (size, budget.test_error) for size, budget in budgets if budget.test_error.value is not None
    ]
    start = (
        f"With the learning rate tuned at batch size {estimates.reference_batch_size:,} and left "
        "unchanged"
        if rule == "constant"
        else "With the learning rate tuned at every batch size"
    )
    if not budgets:
        return ""
    ordered = sorted(errors, key=lambda pair: (pair[1].value or 0.0, pair[0]))
    spoken = " to ".join(
        f"{span(error, percent)} at batch size {size:,} ({_steps_in(estimates, size)})"
        for size, error in ends(ordered)
    )
    ranges = "ranges from" if len(ordered) > 1 else "is"
    broken = ", ".join(
        f"{budget.diverged} of {budget.replicates} at batch size {size:,}"
        for size, budget in budgets
        if budget.diverged
    )
    diverged = f"; replicates diverged: {broken}" if broken else ""
    return (
        f"{start}, test error after {estimates.epochs:g} epochs {ranges} "
        f"{spoken or UNRESOLVED}{diverged}."
    )


def _steps_in(estimates: Estimates, size: int) -> str:
    """Steps that the study's epochs are at a batch size, where few of them explain an error."""
    steps = ceil(estimates.epochs * estimates.train_examples / size)
    return f"{steps:,} steps"


def _batch_sizes(sizes: Sequence[int]) -> str:
    """``batch size 1``, ``batch sizes 1, 4 and 16``."""
    if len(sizes) == 1:
        return f"batch size {sizes[0]:,}"
    return f"batch sizes {', '.join(f'{size:,}' for size in sizes[:-1])} and {sizes[-1]:,}"

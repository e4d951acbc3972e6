"""The report's tables of transfer regret and of verdicts, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.report.table import Table
from pipeline.wording import UNRESOLVED, p_value, percent, said, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import Estimates
    from pipeline.figures.regret_evidence import Comparison, Regret

__all__ = ["regret_table", "verdict_table"]


def regret_table(estimates: Estimates) -> Table:
    """What the reference batch size's learning rate costs at the others, at the hardest goal."""
    return Table(
        "regret",
        f"Transfer regret: octaves of steps that the learning rate tuned at batch size "
        f"{estimates.reference_batch_size:,} costs at the others, {estimates.goal_quantity} at "
        f"most {estimates.level()}; the {estimates.interval_name}, or the bound that is known, at "
        "these learning rates: what another sweep might have chosen counts in the verdicts alone",
        ("Model", "Learning rate", "Octaves", "Never reached the goal", "Batch sizes left out"),
        tuple(
            _regret(regret)
            for regret in estimates.finickiness.regrets
            if regret.goal == estimates.hardest
        ),
        "No rule carried a learning rate over.",
    )


def _regret(regret: Regret) -> tuple[str, ...]:
    words = {"constant": "unchanged", "linear": "times B", "sqrt": "times √B"}
    return (
        regret.model,
        words.get(regret.rule, regret.rule),
        regret.said,
        UNRESOLVED if regret.never_reached is None else percent(regret.never_reached),
        regret.reason or ", ".join(f"{size:,}" for size in regret.left_out) or "none",
    )


def verdict_table(estimates: Estimates) -> Table:
    """Which of two models is more finicky."""
    return Table(
        "verdicts",
        "Verdicts: the first model's transfer regret less the second's, at an unchanged learning "
        "rate, over the batch sizes at which every replicate of both reached the goal; in brackets "
        "the interval corrected over all pairs. Detectable is the difference that so many "
        "replicates find with a probability of 80\u00a0%",
        (
            "Model",
            "Against",
            "Octaves",
            "p, corrected",
            "Detectable",
            "Batch sizes",
            "More finicky",
        ),
        tuple(_verdict(pair) for pair in estimates.finickiness.comparisons),
        "The study has one model.",
    )


def _verdict(pair: Comparison) -> tuple[str, ...]:
    return (
        pair.first,
        pair.second,
        span(pair.octaves),
        UNRESOLVED if pair.p_value is None else p_value(pair.p_value),
        said(pair.detectable, UNRESOLVED),
        ", ".join(f"{size:,}" for size in pair.batch_sizes) or "none",
        pair.more_finicky or f"{UNRESOLVED}: {pair.reason}",
    )

"""Tuned learning rates as the settings of a study ask for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.tuning import tuned_learning_rates

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.settings import Settings

__all__ = ["tuned_by"]


def tuned_by(
    settings: Settings,
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    confidence: float | None = None,
    alone: bool = False,
) -> pd.DataFrame:
    """Tuned learning rates as a study's settings ask: at its hardest goal, in its box.

    Args:
        settings: Of the study, its goals as numbers.
        trials: Table of the sweep's trials, or of some of its cells.
        curves: Table of their evaluations.
        confidence: Level of the intervals, in (0, 1); None is that of the study's analysis.
        alone: Whether each cell's error is its own, as if there were no others.

    Returns:
        As `tuned_learning_rates`, whose source it shares.
    """
    goals, rates = settings.sweep.goals, settings.sweep.learning_rates
    return tuned_learning_rates(
        trials,
        curves,
        quantity=goals.quantity,
        goal=goals.hardest,
        box=(rates.low, rates.high),
        confidence=confidence or settings.analysis.confidence,
        alone=alone,
    )

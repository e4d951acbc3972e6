"""When a cell's search is done: its tuned learning rate is known as narrowly as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.tables import curves_table, trials_table
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings

__all__ = ["pinned", "tuned_row"]


def pinned(results: Sequence[RaceResult], settings: Settings) -> bool:
    """Whether high / low of the tuned learning rate's interval is at most ``sweep.search.until``.

    A function of the cell's results alone, so that a resumed search stops where the first would
    have. A tuned rate at an edge of what was tried is not pinned, however narrow: the optimum may
    lie beyond.

    Args:
        results: Of one cell's races so far, at least one.
        settings: Of the study.

    Returns:
        False too where nothing was tuned because every trial diverged or failed.
    """
    row = tuned_row(results, settings)
    until = settings.sweep.search.until
    return not row["edge"] and bool(row["high"] <= until * row["low"])


def tuned_row(results: Sequence[RaceResult], settings: Settings) -> pd.Series[Any]:
    """The tuned learning rate of a cell, as `tuned_by` has it.

    Args:
        results: Of the cell's races so far, at least one.
        settings: Of the study.
    """
    return tuned_by(settings, trials_table(results), curves_table(results)).iloc[0]

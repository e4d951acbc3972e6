"""When a cell's search is done: its tuned learning rate is known as narrowly as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pipeline.tables import curves_table, trials_table
from pipeline.trial import Cell
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings

__all__ = ["Swept", "pinned", "tuned_rows"]

_CONFIDENCE: Final = 0.95  # whatever level the study is analysed at: analysis decides no training


def pinned(row: pd.Series[Any], settings: Settings) -> bool:
    """Whether high / low of the tuned rate's 95 % interval is at most ``sweep.search.until``.

    A function of the cell's results alone, so that a resumed search stops where the first would
    have. A tuned rate at an edge of what was tried is not pinned, however narrow: the optimum may
    lie beyond.

    Args:
        row: Of the cell, from `tuned_rows`.
        settings: Of the study.

    Returns:
        False too where nothing was tuned because every trial diverged or failed.
    """
    until = settings.sweep.search.until
    return not row["edge"] and bool(row["high"] <= until * row["low"])


def tuned_rows(results: Sequence[RaceResult], settings: Settings) -> dict[Cell, pd.Series[Any]]:
    """The tuned learning rate of each cell with its 95 % interval, by that cell's trials alone.

    Args:
        results: Of the cells' races so far.
        settings: Of the study.
    """
    tables = trials_table(results), curves_table(results)
    tuned = tuned_by(settings, *tables, confidence=_CONFIDENCE, alone=True)
    return {Cell(row["model"], int(row["batch_size"])): row for _, row in tuned.iterrows()}


class Swept:
    """Results of a sweep so far, by cell; a cell is tuned anew only when it has new results.

    Most cells get no race in most rounds, and tuning them is what planning takes longest for.

    Args:
        settings: Of the study.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._results: dict[str, RaceResult] = {}
        self._cells: dict[Cell, list[str]] = {}
        self._rows: dict[Cell, pd.Series[Any]] = {}

    @property
    def results(self) -> list[RaceResult]:
        """One per race, in the order in which they were first added."""
        return list(self._results.values())

    def add(self, results: Iterable[RaceResult]) -> None:
        """Add results; a sampler may propose again what was trained, and that is still one race."""
        for result in results:
            cell, name = result.race.cell, result.race.fingerprint
            if name not in self._results:
                self._cells.setdefault(cell, []).append(name)
            self._results[name] = result
            self._rows.pop(cell, None)

    def of(self, cell: Cell) -> list[RaceResult]:
        """Those of one cell."""
        return [self._results[name] for name in self._cells.get(cell, [])]

    def row(self, cell: Cell) -> pd.Series[Any]:
        """The cell's of `tuned_rows`; all cells with new results are tuned at once."""
        if cell not in self._rows:
            lacking = [one for one in self._cells if one not in self._rows]
            new = [result for one in lacking for result in self.of(one)]
            self._rows |= tuned_rows(new, self._settings)
        return self._rows[cell]

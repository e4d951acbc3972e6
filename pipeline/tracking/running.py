"""What is still to be shown of a cohort that runs. No mlflow."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.outcome import Row
    from pipeline.trial import CohortPlan

__all__ = ["Running"]

# Seconds. A run is to appear, and its metrics to follow, within ten; what ends sooner is written
# once, whole, which is cheaper. The engine reminds of silent cohorts every second.
_APPEAR: Final = 7.0
_FOLLOW: Final = 8.0
_SPARE: Final = 8  # times what showing took: on a busy machine the workers must not wait for it


@dataclass
class Running:
    """One attempt at a cohort.

    Attributes:
        plan: The cohort.
        started_at: When the attempt began, in seconds since the epoch; tells attempts apart.
        since: When it was first heard of, by a monotonic clock, in seconds.
        shown: When it was last shown, by the same clock; None before.
        took: How long that took, in seconds.
        rows: Evaluations that have not been shown, by position of the trial in the cohort.
    """

    plan: CohortPlan
    started_at: float
    since: float
    shown: float | None = None
    took: float = 0.0
    rows: defaultdict[int, list[Row]] = field(default_factory=lambda: defaultdict(list))
    _last: dict[int, int] = field(default_factory=dict[int, int])

    def add(self, rows: Iterable[tuple[int, Row]]) -> None:
        """Take note of evaluations; those of a cohort that began again in less memory only once."""
        for position, row in rows:
            if row.step > self._last.get(position, -1):
                self._last[position] = row.step
                self.rows[position].append(row)

    def due(self, now: float) -> bool:
        """Whether it is time to show it, by the same clock."""
        if self.shown is None:
            return now - self.since >= _APPEAR
        return bool(self.rows) and now - self.shown >= max(_FOLLOW, _SPARE * self.took)

    def take(self, now: float) -> dict[int, list[Row]]:
        """The rows to show, which count as shown from now on."""
        rows, self.rows = self.rows, defaultdict(list)
        self.shown = now
        return rows

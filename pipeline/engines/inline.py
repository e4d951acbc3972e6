"""An engine in the calling process, one cohort at a time: for tests and debuggers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipeline.events import Evaluated, Event, Finished, Started
from pipeline.images import Prepared
from pipeline.training import train_cohort
from pipeline.trial import CohortPlan

__all__ = ["InlineEngine"]


class InlineEngine:
    """Trains cohorts where it is called.

    Args:
        prepared: Data to train and evaluate on.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Train cohorts in order.

        Yields:
            Events; evaluations of a cohort come together, once it has finished.
        """
        for plan in cohorts:
            yield Started(plan)
            seen: list[Evaluated] = []
            results = train_cohort(plan, self._prepared, seen.append)
            yield from seen
            yield Finished(plan, results)

    def close(self) -> None:
        """Nothing is held."""

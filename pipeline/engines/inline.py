"""An engine in the calling process, one cohort at a time: for tests and debuggers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from pipeline.events import Evaluated, Event, Finished, Started, Stopped
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
        self._waiting: deque[CohortPlan] = deque()
        self._left_out: deque[CohortPlan] = deque()  # stopped before they started, not yet told
        self._running: CohortPlan | None = None  # None too once that one is to stop

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def warm_up(self) -> None:
        """Nothing to begin."""

    def submit(self, plan: CohortPlan) -> None:
        """Queue a cohort."""
        self._waiting.append(plan)

    def stop(self, plan: CohortPlan) -> None:
        """Leave a cohort out, or forget its results if its evaluations are being told."""
        if plan == self._running:
            self._running = None
        elif plan in self._waiting:
            self._waiting.remove(plan)
            self._left_out.append(plan)

    def events(self) -> Iterator[Event]:
        """Train cohorts in order.

        Yields:
            Events; evaluations of a cohort come together, once it has finished.
        """
        while self._waiting or self._left_out:
            while self._left_out:
                yield Stopped(self._left_out.popleft())
            if self._waiting:
                yield from self._train(self._waiting.popleft())

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Train cohorts in order.

        Yields:
            Events, as from `events`.
        """
        for plan in cohorts:
            self.submit(plan)
        yield from self.events()

    def close(self) -> None:
        """Nothing is held."""

    def _train(self, plan: CohortPlan) -> Iterator[Event]:
        """One cohort from its start to its end.

        Yields:
            Its events.
        """
        self._running = plan
        yield Started(plan)
        seen: list[Evaluated] = []
        results = train_cohort(plan, self._prepared, seen.append) if self._running else ()
        for evaluated in seen:
            if self._running:
                yield evaluated
        yield Finished(plan, results) if self._running else Stopped(plan)
        self._running = None

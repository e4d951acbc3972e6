"""A mirror whose failures are told and go no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.tracking.address import TrackingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.events import Evaluated
    from pipeline.outcome import RaceResult
    from pipeline.tracking.mirror import Mirror
    from pipeline.trial import CohortPlan

__all__ = ["Guarded"]


class Guarded:
    """Neither training nor another mirror suffers from a mirror that is lost.

    Args:
        mirror: Open, unless it is only to be refilled.
        say: Told once when running cohorts can't be shown, and whenever a result can't.
    """

    def __init__(self, mirror: Mirror, say: Callable[[str], None]) -> None:
        self._mirror = mirror
        self._say = say
        self._live = True  # until showing a running cohort fails: each try may take a minute

    def begin(self, plan: CohortPlan) -> None:
        """A cohort began."""
        if self._live:
            try:
                self._mirror.begin(plan)
            except TrackingError as problem:
                self._give_up(problem)

    def follow(self, evaluated: Evaluated) -> None:
        """A cohort is running."""
        if self._live:
            try:
                self._mirror.follow(evaluated)
            except TrackingError as problem:
                self._give_up(problem)

    def write(self, results: Sequence[RaceResult]) -> bool:
        """Races have ended.

        Args:
            results: Of the races.

        Returns:
            Whether the mirror shows them all.
        """
        try:
            for result in results:
                self._mirror.write(result)
        except TrackingError as problem:
            return self._lack(problem)
        return True

    def refill(self, results: Sequence[RaceResult]) -> bool:
        """Write what the ledger had all along and the mirror lacks: a deleted database, say.

        It is opened only where a glance does not tell that it has all.

        Args:
            results: All that it is to have.

        Returns:
            Whether it has them.
        """
        names = [result.race.fingerprint for result in results]
        if self._mirror.settled(names):
            return True
        try:
            self._mirror.open()
        except TrackingError as problem:
            return self._lack(problem)
        lacking = self._mirror.missing(names)
        return self.write([result for result in results if result.race.fingerprint in lacking])

    def _lack(self, problem: TrackingError) -> bool:
        self._say(f"warning: {problem}. The ledger has the results; a later run mirrors them.")
        return False

    def _give_up(self, problem: TrackingError) -> None:
        self._live = False
        self._say(f"warning: {problem}. Trials are shown when they have ended, if it is back.")

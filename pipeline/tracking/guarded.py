"""A mirror whose failures are told and go no further."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Final

from pipeline.tracking.address import TrackingError
from pipeline.tracking.environment import CONNECT, IMPATIENT, during

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pipeline.events import Evaluated
    from pipeline.outcome import RaceResult
    from pipeline.tracking.mirror import Mirror
    from pipeline.trial import CohortPlan

__all__ = ["Guarded"]

_LEAST: Final = 60.0  # seconds that a lost mirror is left alone
_SPARE: Final = 20.0  # times what the failed attempt took, if that is longer


class Guarded:
    """Neither training nor another mirror suffers from a mirror that is lost.

    An attempt to reach one may take a minute and a half, in which workers wait for the driver. So
    it is left alone in between, and attempts take a twentieth of the time at most. What ends
    meanwhile is owed, and written once it is back.

    Args:
        mirror: Open, unless it is to be opened or refilled.
        say: Told once each time that the mirror is lost.
    """

    def __init__(self, mirror: Mirror, say: Callable[[str], None]) -> None:
        self._mirror = mirror
        self._say = say
        self._again: float | None = None  # when a lost mirror is tried again, by a monotonic clock
        self._owed: dict[str, RaceResult] = {}  # by fingerprint
        # Running cohorts of which nothing was withheld, by their first race. The others are shown
        # when they have ended: what is shown late would leave a gap in a curve.
        self._followed: set[str] = set()

    def open(self) -> None:
        """Open it; a `TrackingError` says why it can't be."""
        with during(CONNECT):
            self._mirror.open()

    def begin(self, plan: CohortPlan) -> None:
        """A cohort began."""
        if self._attempt(partial(self._mirror.begin, plan)):
            self._followed.add(plan.races[0].fingerprint)

    def follow(self, evaluated: Evaluated) -> None:
        """A cohort is running."""
        if evaluated.plan.races[0].fingerprint in self._followed:
            self._attempt(partial(self._mirror.follow, evaluated))

    def write(self, results: Sequence[RaceResult]) -> bool:
        """Races have ended.

        Args:
            results: Of the races.

        Returns:
            Whether the mirror shows them all.
        """
        self._owe(results)
        self._followed.difference_update(result.race.fingerprint for result in results)
        return self._attempt(self._pay)

    def refill(self, results: Sequence[RaceResult], *, at_once: bool = False) -> bool:
        """Write what the ledger had all along and the mirror lacks: a deleted database, say.

        It is opened only where a glance does not tell that it has all.

        Args:
            results: All that it is to have.
            at_once: Whether to try even a mirror that is left alone.

        Returns:
            Whether it has them.
        """
        if self._mirror.settled([result.race.fingerprint for result in results]):
            return True
        if at_once and self._again is not None:
            self._again = time.monotonic()
        return self._attempt(partial(self._fill, results))

    def _fill(self, results: Sequence[RaceResult]) -> None:
        self._mirror.open()
        missing = self._mirror.missing([result.race.fingerprint for result in results])
        lacking = {*missing, *self._owed}  # the latter too as the ledger has them by now
        self._owe(result for result in results if result.race.fingerprint in lacking)
        self._pay()

    def _owe(self, results: Iterable[RaceResult]) -> None:
        self._owed |= {result.race.fingerprint: result for result in results}

    def _pay(self) -> None:
        for name, result in list(self._owed.items()):
            self._owed[name] = self._owed.pop(name)  # last: one that is refused must not bar others
            self._mirror.write(result)
            del self._owed[name]
            self._again = None

    def _attempt(self, act: Callable[[], None]) -> bool:
        """Whether an act succeeded; a mirror that is left alone is not asked."""
        began = time.monotonic()
        if self._again is not None and began < self._again:
            return False
        try:
            with during(CONNECT if self._again is None else IMPATIENT):
                act()
        except TrackingError as problem:
            if self._again is None:
                self._say(
                    f"warning: {problem}. The ledger has the results; they are mirrored once this "
                    "is back, now or by a later run."
                )
            now = time.monotonic()
            self._again = now + max(_LEAST, _SPARE * (now - began))
            self._followed.clear()
            return False
        return True

"""What the runner sees of tracking: a mirror of the ledger, somewhere or nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pipeline.events import Evaluated
    from pipeline.outcome import RaceResult
    from pipeline.trial import CohortPlan

__all__ = ["Mirror", "NullMirror", "SessionStatus"]

SessionStatus = Literal["FINISHED", "FAILED", "KILLED"]


class Mirror(Protocol):
    """A copy of the ledger for people to browse. Nothing is ever read back from it."""

    def settled(self, fingerprints: Iterable[str]) -> bool:
        """Whether a glance, without opening, shows that nothing is to be written or cleared away.

        False wherever a glance does not tell, and once it is open.
        """
        ...

    def open(self) -> None:
        """Start a session, and clear away what a killed one left half-written; once."""
        ...

    def begin(self, plan: CohortPlan) -> None:
        """A cohort began, for the first time or again after its worker died."""
        ...

    def follow(self, evaluated: Evaluated) -> None:
        """Show how far a cohort is, or take note of it; told about once a second."""
        ...

    def write(self, result: RaceResult) -> None:
        """Show a race, one run per trial; showing it again changes nothing."""
        ...

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """The races to be written from the ledger, for the open mirror lacks trials of them."""
        ...

    def close(self, status: SessionStatus) -> None:
        """End the session, if it was opened."""
        ...


class NullMirror:
    """Shows nothing."""

    def settled(self, fingerprints: Iterable[str]) -> bool:
        """True: there is nothing to be filled."""
        return True

    def open(self) -> None:
        """Do nothing."""

    def begin(self, plan: CohortPlan) -> None:
        """Do nothing."""

    def follow(self, evaluated: Evaluated) -> None:
        """Do nothing."""

    def write(self, result: RaceResult) -> None:
        """Do nothing."""

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        """None: there is nothing to be filled."""
        return set()

    def close(self, status: SessionStatus) -> None:
        """Do nothing."""

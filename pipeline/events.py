"""What an engine tells while it trains cohorts, and what it promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.outcome import RaceResult, Row
from pipeline.trial import CohortPlan

__all__ = ["CohortStopped", "Engine", "Evaluated", "Event", "Finished", "Started", "Stopped"]


@dataclass(frozen=True)
class Started:
    """A worker began a cohort, for the first time or again after a worker died."""

    plan: CohortPlan


@dataclass(frozen=True)
class Evaluated:
    """How far a running cohort is. Evaluations come together now and then, and none is left out.

    The first says that training begins, at step 0 and without rows. A cohort that has nothing new
    to tell for a second or so is told again, without rows, so that who listens can look at a clock.

    Attributes:
        plan: The cohort.
        step: Optimiser steps taken.
        active: Trials still training.
        examples: Examples that the cohort's trials have processed so far, all together.
        rows: What was measured since the event before: position of the trial in the cohort, and
            the evaluation. A cohort that a worker died of tells its rows again.
        started_at: When the attempt that tells this began, in seconds since the epoch; the
            ``started_at`` of its results.
    """

    plan: CohortPlan
    step: int
    active: int
    examples: int
    rows: tuple[tuple[int, Row], ...] = ()
    started_at: float = 0.0


@dataclass(frozen=True)
class Finished:
    """Every trial of a cohort has ended.

    Attributes:
        plan: The cohort.
        results: One per race.
    """

    plan: CohortPlan
    results: tuple[RaceResult, ...]


@dataclass(frozen=True)
class Stopped:
    """A cohort was given up at the driver's request: it has no results, and never had.

    Attributes:
        plan: The cohort.
    """

    plan: CohortPlan


Event = Started | Evaluated | Finished | Stopped


class CohortStopped(BaseException):
    """Raised by whoever observes a cohort, to give it up; no `except Exception` eats it."""


class Engine(Protocol):
    """Where cohorts run.

    Every cohort given ends exactly once: finished, or stopped if that was asked for in time. One
    that finishes was started, once or more. Results depend on the cohort alone, not on the engine,
    its number of workers or the order of events.
    """

    @property
    def workers(self) -> int:
        """Most cohorts that run at once."""
        ...

    def warm_up(self) -> None:
        """Begin what any cohort will need, without waiting; something is about to be trained."""
        ...

    def submit(self, plan: CohortPlan) -> None:
        """Queue a cohort behind those that wait. It must not be queued or running already."""
        ...

    def stop(self, plan: CohortPlan) -> None:
        """Ask for a cohort's end: at its next evaluation if it runs, at once if it waits.

        It ends stopped, or finished if it was faster; one that has ended is left as it is.
        """
        ...

    def events(self) -> Iterator[Event]:
        """Train what was submitted, telling events as they happen, until nothing is left.

        Between two events more may be submitted, or stopped.
        """
        ...

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Submit cohorts and train them; the first ones start first."""
        ...

    def close(self) -> None:
        """Give back what the engine holds, stopping cohorts that still run."""
        ...

"""What an engine tells while it trains cohorts, and what it promises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.outcome import RaceResult, Row
from pipeline.trial import CohortPlan

__all__ = ["Engine", "Evaluated", "Event", "Finished", "Started"]


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


Event = Started | Evaluated | Finished


class Engine(Protocol):
    """Where cohorts run.

    Every cohort given is started at least once and finished exactly once. Results depend on the
    cohort alone, not on the engine, its number of workers or the order of events.
    """

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Train cohorts, telling events as they happen; the first cohorts start first."""
        ...

    def close(self) -> None:
        """Give back what the engine holds, stopping cohorts that still run."""
        ...

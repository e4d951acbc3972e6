"""A trial that Optuna proposed and that has not ended: its cohorts, and what pruners see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.outcome import RaceResult, Row
from pipeline.trial import CohortPlan
from pipeline.tune.rungs import RUNGS, Climb, Rungs

if TYPE_CHECKING:
    from optuna.trial import Trial

    from pipeline.events import Evaluated

__all__ = ["Asked"]


@dataclass(eq=False)
class Asked:
    """A trial in progress.

    Attributes:
        trial: Optuna's.
        plans: Its cohorts, one a replicate.
        rungs: Where it reports to the pruner; None where nothing is pruned.
    """

    trial: Trial
    plans: tuple[CohortPlan, ...]
    rungs: Rungs | None
    _taken: dict[CohortPlan, RaceResult] = field(default_factory=dict[CohortPlan, RaceResult])
    _climbs: dict[CohortPlan, Climb] = field(default_factory=dict[CohortPlan, Climb])
    _reported: int = 0

    def __post_init__(self) -> None:
        if self.rungs is not None:
            self._climbs |= {p: Climb(self.rungs, p.cell.batch_size) for p in self.plans}

    def see(self, event: Evaluated) -> None:
        """Take note of an evaluation of one of its cohorts."""
        for _, row in event.rows:
            self._climb(event.plan, row)

    def take(self, plan: CohortPlan, result: RaceResult) -> None:
        """Take a replicate's result."""
        self._taken[plan] = result
        if plan not in self._climbs:
            return
        curve = result.results[0].curve
        for row in zip(*vars(curve).values(), strict=True):
            self._climb(plan, Row(*row))  # an engine may have held back the last ones
        self._climbs[plan].end()

    def results(self) -> list[RaceResult] | None:
        """One per replicate, once all have ended; their last rungs are reported then."""
        if len(self._taken) < len(self.plans):
            return None
        self._report(len(RUNGS))
        return [self._taken[plan] for plan in self.plans]

    def hopeless(self) -> bool:
        """Whether the pruner gives the trial up at a rung that it has passed and not yet reported.

        A trial passes a rung once all its replicates have; it reports their mean.
        """
        height = min((len(climb.heights) for climb in self._climbs.values()), default=0)
        return any(
            self.trial.should_prune()
            for rung in range(self._reported, height)
            if self._report(rung + 1)
        )

    def _climb(self, plan: CohortPlan, row: Row) -> None:
        if plan in self._climbs:
            self._climbs[plan].see(row)

    def _report(self, height: int) -> bool:
        """Report rungs up to a height; whether there were any."""
        climbs = self._climbs.values()
        first, self._reported = self._reported, height
        for rung in range(first, height if climbs else 0):
            values = [climb.heights[rung] for climb in climbs]
            self.trial.report(sum(values) / len(values), RUNGS[rung])
        return bool(climbs) and height > first

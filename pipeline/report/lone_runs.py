"""How long a lone run takes to the hardest goal on the machine that measured it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pipeline.intervals import UNKNOWN, Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from pipeline.figures import Estimates

__all__ = ["LoneRun", "LoneRuns", "lone_runs"]


class LoneRun(NamedTuple):
    """One network trained alone at its tuned learning rate.

    Attributes:
        model: Registered name.
        batch_size: Examples per step.
        seconds_per_step: Wall-clock time of a step.
        seconds: To the hardest goal: tuned steps times seconds per step; its interval is that of
            the steps, and knows nothing of how well a step is timed.
        examples: To the hardest goal.
    """

    model: str
    batch_size: int
    seconds_per_step: float
    seconds: Interval
    examples: Interval


@dataclass(frozen=True)
class LoneRuns:
    """Lone runs of all cells that were timed.

    Attributes:
        machine: That they were timed on; "" where none was.
        runs: By model and batch size.
    """

    machine: str
    runs: tuple[LoneRun, ...]

    def fastest(self, model: str) -> LoneRun | None:
        """The run of a model that takes the fewest seconds, None where none reaches the goal."""
        return self._least(model, lambda run: run.seconds)

    def thriftiest(self, model: str) -> LoneRun | None:
        """The run of a model that takes the fewest examples, None where none reaches the goal."""
        return self._least(model, lambda run: run.examples)

    def _least(self, model: str, measure: Callable[[LoneRun], Interval]) -> LoneRun | None:
        known = [
            (value, run)
            for run in self.runs
            if run.model == model
            for value in [measure(run).value]
            if value is not None
        ]
        return min(known, key=lambda pair: pair[0], default=(0.0, None))[1]


def lone_runs(estimates: Estimates, seconds: pd.DataFrame) -> LoneRuns:
    """Multiply steps by seconds. Source: docs/science.md, estimand 8.

    Args:
        estimates: Gives tuned steps and examples to the hardest goal.
        seconds: Columns model, batch_size, seconds_per_step and machine.

    Returns:
        Lone runs of the feasible cells that were timed.
    """
    per_step: Mapping[tuple[str, int], float] = {
        (model, size): each
        for model, size, each in zip(
            seconds["model"].tolist(),
            seconds["batch_size"].tolist(),
            seconds["seconds_per_step"].tolist(),
            strict=True,
        )
        if each > 0
    }
    runs = tuple(
        LoneRun(
            cell.model,
            cell.batch_size,
            each,
            _times(goal.steps, each) if goal else UNKNOWN,
            goal.examples if goal else UNKNOWN,
        )
        for cell in estimates.cells
        for each in [per_step.get((cell.model, cell.batch_size))]
        for goal in [cell.goal(estimates.hardest)]
        if each is not None
    )
    machines = seconds["machine"].unique().tolist()
    return LoneRuns(", ".join(machines), runs)


def _times(steps: Interval, per_step: float) -> Interval:
    return steps.map(lambda number: number * per_step)

"""Where a pruner compares trials: at equal cost, whatever their batch size."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

from pipeline.outcome import Row
from pipeline.tune.question import Question

__all__ = ["RUNGS", "Climb", "Rungs"]

RUNGS: Final = (1, 2, 4, 8, 16, 32, 64)
"""Resource at which trials report, in 64ths of the budget; Optuna's `step`."""


@dataclass(frozen=True)
class Rungs:
    """The resource that trials of a question spend.

    Attributes:
        question: With ``steps`` its trials spend optimiser steps, with any other objective
            examples: trials of different batch size meet where they have cost the same.
        unit: One 64th of the budget, in steps or examples.
    """

    question: Question
    unit: float

    def spent(self, step: int, batch_size: int) -> float:
        """Resource spent after ``step`` steps."""
        in_steps = self.question.objectives == ("steps",)
        return step / self.unit if in_steps else step * batch_size / self.unit

    def measured(self, row: Row) -> float:
        """What a trial reports of an evaluation: validation error for ``error``, else the loss.

        NaN where a loss is not finite: the error beside it says nothing. Step 0 has no training
        loss.
        """
        losses = (row.validation_loss, *([row.train_loss] if row.step else []))
        if not all(map(math.isfinite, losses)):
            return math.nan
        in_errors = self.question.objectives == ("error",)
        return row.validation_error if in_errors else row.validation_loss


@dataclass
class Climb:
    """One trial's way up the rungs.

    Attributes:
        rungs: To be climbed.
        batch_size: Of the trial.
        best: Lowest finite value so far.
        heights: Best value at each rung that was passed.
    """

    rungs: Rungs
    batch_size: int
    best: float = math.inf
    heights: list[float] = field(default_factory=list[float])

    def see(self, row: Row) -> None:
        """Take note of an evaluation, in order of step; told again it changes nothing."""
        value = self.rungs.measured(row)
        self.best = min(self.best, value) if math.isfinite(value) else self.best
        spent = self.rungs.spent(row.step, self.batch_size)
        while len(self.heights) < len(RUNGS) and spent >= RUNGS[len(self.heights)]:
            self.heights.append(self.best)

    def end(self) -> None:
        """The trial has ended: the rungs that it left out keep its best value.

        Else a trial that reached the goal early would be missing where the slow ones are compared.
        """
        self.heights += [self.best] * (len(RUNGS) - len(self.heights))

"""From a setting to the races that try it."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.design import Design
from pipeline.trial import Cell, CohortPlan, Hyperparameters, Race
from pipeline.tune.question import Question

__all__ = ["Races"]


@dataclass(frozen=True)
class Races:
    """Makes the races of a tune: one trial each, so a setting costs what it costs alone.

    Attributes:
        question: What is asked.
        design: Of the study whose optimiser, budget and data the tune shares.
    """

    question: Question
    design: Design

    def of(self, batch_size: int, learning_rate: float) -> tuple[CohortPlan, ...]:
        """Cohorts of one race of one trial, a replicate each.

        The kernel is solo at every batch size: a lone trial under the stacked kernel would carry a
        padding member along.

        Args:
            batch_size: In examples.
            learning_rate: Rounded to six significant digits, as all designs do.
        """
        rate = float(f"{learning_rate:.6g}")
        cell = Cell(self.question.model, batch_size)
        return tuple(
            CohortPlan((self._race(cell, replicate, rate),), width=2)
            for replicate in range(self.question.replicates)
        )

    def max_examples(self, batch_size: int) -> int:
        """Most examples that one trial at a batch size processes."""
        return self._max_steps(batch_size) * batch_size

    def digest(self) -> str:
        """Digest of data, code and training settings: a tune that goes on must find it unchanged.

        It is the fingerprint of one setting that every tune of the question has in common.
        """
        return self._race(Cell(self.question.model, 1), 0, 1.0).fingerprint

    def _race(self, cell: Cell, replicate: int, rate: float) -> Race:
        question = self.question
        training = self.design.settings.training
        tried = Hyperparameters(rate, training.momentum, training.weight_decay)
        like = self.design.sweep_race(cell, replicate, [tried], "tune")
        return self.design.altered(
            like,
            kernel="solo",
            max_steps=self._max_steps(cell.batch_size),
            quantity="error" if question.full_budget else question.quantity,
            goal=None if question.full_budget else question.goal,
            race=None,
        )

    def _max_steps(self, batch_size: int) -> int:
        """Equal examples where trials are compared at equal budget; else the sweep's budget."""
        budget, examples = self.design.settings.sweep.budget, self.design.train_examples
        if self.question.full_budget:
            return budget.epoch_steps(batch_size, examples)
        return budget.max_steps(batch_size, examples)

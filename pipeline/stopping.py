"""When trials are evaluated, and when they stop."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.outcome import Ended
from pipeline.trial import Recipe

__all__ = ["Evaluation", "Referee", "evaluation_steps"]


def evaluation_steps(recipe: Recipe) -> tuple[int, ...]:
    """Steps at which trials are evaluated: 0, geometric ones, the landmarks and the last.

    Geometric steps make quantisation a constant fraction at every batch size (beyond the first few
    steps, which are all evaluated).

    Args:
        recipe: Gives ratio, landmarks and the budget.

    Returns:
        Increasing steps from 0 to ``recipe.max_steps``.
    """
    steps = {0, recipe.max_steps, *(s for s in recipe.landmarks if s <= recipe.max_steps)}
    step = 1
    while step < recipe.max_steps:
        steps.add(step)
        step = max(step + 1, math.floor(step * recipe.evaluation_ratio))
    return tuple(sorted(steps))


@dataclass(frozen=True)
class Evaluation:
    """What decides whether a trial goes on.

    Attributes:
        train_loss: Mean training loss since the evaluation before; NaN at step 0.
        validation_loss: Mean per-example loss.
        validation_error: Mean per-example error.
    """

    train_loss: float
    validation_loss: float
    validation_error: float


class Referee:
    """Decides how the trials of one race end.

    All of a race's trials are evaluated at the same steps, so the verdicts depend on nothing but
    their curves: not on cohort mates, widths or workers.

    Args:
        recipe: Gives goal, race and budget.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._first_reached: int | None = None

    def judge(self, step: int, evaluations: Sequence[Evaluation]) -> list[Ended | None]:
        """Judge a race's remaining trials at one evaluation.

        Args:
            step: Optimiser steps taken.
            evaluations: One per remaining trial.

        Returns:
            How each ended, or None where it goes on.
        """
        verdicts = [self._alone(step, evaluation) for evaluation in evaluations]
        if self._first_reached is None and Ended.REACHED in verdicts:
            self._first_reached = step
        if self._outraced(step):
            return [Ended.OUTRACED if verdict is None else verdict for verdict in verdicts]
        return verdicts

    def _alone(self, step: int, evaluation: Evaluation) -> Ended | None:
        """How a trial ends of itself."""
        losses = [evaluation.validation_loss] + [evaluation.train_loss] * (step > 0)
        if not all(map(math.isfinite, losses)):
            return Ended.DIVERGED
        recipe = self._recipe
        measured = (
            evaluation.validation_error
            if recipe.quantity == "error"
            else evaluation.validation_loss
        )
        if recipe.goal is not None and measured <= recipe.goal:
            return Ended.REACHED
        return Ended.EXHAUSTED if step >= recipe.max_steps else None

    def _outraced(self, step: int) -> bool:
        race, first = self._recipe.race, self._first_reached
        return race is not None and first is not None and step >= race * first

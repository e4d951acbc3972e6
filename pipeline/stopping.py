"""When trials are evaluated, and when they stop."""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from pipeline.outcome import Ended
from pipeline.trial import Recipe

__all__ = ["PACE", "Evaluation", "Referee", "evaluation_steps"]

PACE: Final = 2.0
"""How far behind a race-mate must lie to be stopped early, times the race's factor."""


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


class _Lowest(NamedTuple):
    """Lowest finite validation loss and error up to a step."""

    loss: float = math.inf
    error: float = math.inf

    def with_(self, evaluation: Evaluation) -> _Lowest:
        loss, error = evaluation.validation_loss, evaluation.validation_error
        if not math.isfinite(loss):
            return self
        return _Lowest(min(self.loss, loss), min(self.error, error))


class Referee:
    """Decides how the trials of one race end.

    All of a race's trials are evaluated at the same steps, so the verdicts depend on nothing but
    their curves: not on cohort mates, widths or workers.

    Once a trial has reached the hardest goal at step s, the others stop at ``race`` × s: outraced.
    Those that lie far behind stop sooner: outpaced is who has had, up to some step from s on,
    neither as low a loss nor as low an error as the best of the race had at a `PACE` × ``race``-th
    of that step.

    Args:
        recipe: Gives goal, race and budget.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._first_reached: int | None = None
        self._lowest: list[_Lowest] = []  # of the remaining trials
        self._steps: list[int] = []
        self._best: list[_Lowest] = []  # of all trials, at these steps

    def judge(self, step: int, evaluations: Sequence[Evaluation]) -> list[Ended | None]:
        """Judge a race's remaining trials at one evaluation.

        Args:
            step: Optimiser steps taken.
            evaluations: One per remaining trial, in the order of the calls before.

        Returns:
            How each ended, or None where it goes on.
        """
        verdicts = [self._alone(step, evaluation) for evaluation in evaluations]
        if self._first_reached is None and Ended.REACHED in verdicts:
            self._first_reached = step
        self._follow(step, evaluations)
        verdicts = [
            self._among_mates(step, lowest) if verdict is None else verdict
            for verdict, lowest in zip(verdicts, self._lowest, strict=True)
        ]
        self._lowest = [
            lowest
            for verdict, lowest in zip(verdicts, self._lowest, strict=True)
            if verdict is None
        ]
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

    def _follow(self, step: int, evaluations: Sequence[Evaluation]) -> None:
        """Note the lowest losses and errors so far, each trial's and the best."""
        before = self._lowest or [_Lowest()] * len(evaluations)
        pairs = zip(before, evaluations, strict=True)
        self._lowest = [lowest.with_(evaluation) for lowest, evaluation in pairs]
        best = self._best[-1] if self._best else _Lowest()
        for evaluation in evaluations:
            best = best.with_(evaluation)
        self._steps.append(step)
        self._best.append(best)

    def _among_mates(self, step: int, lowest: _Lowest) -> Ended | None:
        """How a trial that would go on ends for its mates' sake."""
        race, first = self._recipe.race, self._first_reached
        if race is None or first is None:
            return None
        if step >= race * first:
            return Ended.OUTRACED
        earlier = bisect.bisect_right(self._steps, step / (PACE * race)) - 1
        if earlier < 0:
            return None
        best = self._best[earlier]
        behind = lowest.loss > best.loss and lowest.error > best.error
        return Ended.OUTPACED if behind else None

"""What an Optuna study minimises: one finite number per trial."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.outcome import Ended

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.outcome import Curve, RaceResult
    from pipeline.trial import Quantity

__all__ = ["PENALTY", "sound", "value_of"]

PENALTY: Final = 1.0  # log2 steps, added where the goal was not reached: at best twice the steps


def value_of(result: RaceResult, member: int, *, quantity: Quantity, goal: float) -> float | None:
    """log2 of the optimiser steps to a goal: the first evaluation at or under it.

    Trials that did not get there have finite penalties, as samplers spend a search on the edge of
    divergence otherwise: exhausted and outraced ones count one doubling more than the steps they
    took, outpaced ones than those of their race's end, diverged ones than the budget. A trial that
    trained on past the goal, as confirm's do, counts the steps to the goal.

    Args:
        result: Of the trial's race.
        member: Position of the trial in it.
        quantity: What ``goal`` is a level of, on the validation split.
        goal: A fraction for error, nats for loss.

    Returns:
        The value, or None where the trial failed or ran out of memory.
    """
    outcome = result.results[member]
    if not outcome.ended.measured:
        return None
    curve = outcome.curve
    level = curve.validation_error if quantity == "error" else curve.validation_loss
    there = np.flatnonzero((level <= goal) & sound(curve))
    if len(there):
        return math.log2(max(1, int(curve.steps[there[0]])))
    if outcome.ended is Ended.DIVERGED:
        return math.log2(result.race.recipe.max_steps) + PENALTY
    return math.log2(max(1, result.exceeded(member))) + PENALTY


def sound(curve: Curve) -> NDArray[np.bool_]:
    """Which evaluations found finite losses; the others say nothing, whatever their error.

    A network whose outputs are NaN still names a class, 0 for every example, and the error of that
    may lie below an easy goal. As `pipeline.observations.sound` of the table, and so as the stop
    rule of `pipeline.stopping`: step 0 has no training loss.

    Args:
        curve: Of a trial.

    Returns:
        One flag per evaluation.
    """
    trained = np.isfinite(curve.train_loss) | (curve.steps == 0)
    return np.isfinite(curve.validation_loss) & trained

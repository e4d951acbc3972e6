"""What a study minimises: from results of trials to Optuna's values, and back to plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.outcome import Curve, Ended, RaceResult
from pipeline.tune.question import TO_GOAL, Objective, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["plain", "reached", "value_of", "values_of"]

_PENALTY: Final = 1.0  # doublings, added where the goal was not reached


def values_of(question: Question, results: Sequence[RaceResult]) -> tuple[float, ...] | None:
    """Values of a setting, one per objective, each the mean over its replicates.

    ``loss`` and ``error`` are the best of the validation split within the budget, in nats and as a
    fraction; a trial that diverged counts what its untrained network scored. Costs of reaching the
    goal are log2 of steps, examples or seconds. Penalties are finite, since samplers spend a search
    on the edge of divergence otherwise: a trial that did not reach the goal counts one doubling
    more than all it spent, a diverged one one doubling more than the whole budget.

    Args:
        question: Says which objectives, and the goal.
        results: Of races of one trial, one a replicate.

    Returns:
        The values, or None where a replicate failed or ran out of memory, or measured nothing.
    """
    if not all(result.final for result in results):
        return None
    rows = [
        [value_of(question, name, result) for name in question.objectives] for result in results
    ]
    means = np.mean(rows, axis=0)
    return tuple(means.tolist()) if np.all(np.isfinite(means)) else None


def reached(question: Question, results: Sequence[RaceResult]) -> bool:
    """Whether every replicate reached the goal at some evaluation."""
    return all(_first_step(question, result.results[0].curve) is not None for result in results)


def plain(objective: Objective, value: float) -> float:
    """A value in its objective's own unit: steps, examples, seconds, nats or a fraction."""
    return 2.0**value if objective in TO_GOAL else value


def value_of(
    question: Question, objective: Objective, result: RaceResult, member: int = 0
) -> float:
    """One objective's value of one trial.

    Args:
        question: Gives the goal.
        objective: Which one.
        result: Of the trial's race; ``seconds`` have a meaning only in a race of one.
        member: Position of the trial in the race.

    Returns:
        The value; infinity where nothing finite was measured.
    """
    outcome = result.results[member]
    if objective in TO_GOAL:
        return _cost(question, objective, result, member)
    curve = outcome.curve
    column = curve.validation_loss if objective == "loss" else curve.validation_error
    if outcome.ended is Ended.DIVERGED:
        return float(column[0])
    return float(np.min(column[np.isfinite(column)], initial=np.inf))


def _cost(question: Question, objective: Objective, result: RaceResult, member: int) -> float:
    """Log2 of what reaching the goal cost, or would have cost at least."""
    outcome, trial = result.results[member], result.race.trials[member]
    last = max(1, outcome.curve.last_step)
    per_step = {
        "steps": 1.0,
        "examples": float(trial.batch_size),
        # A trial that went on past the goal spent its seconds evenly, as nearly as matters.
        "seconds": result.seconds / last,
    }[objective]
    first = _first_step(question, outcome.curve)
    if first is not None:
        return math.log2(max(1, first) * per_step)
    spent = result.race.recipe.max_steps if outcome.ended is Ended.DIVERGED else last
    return math.log2(spent * per_step) + _PENALTY


def _first_step(question: Question, curve: Curve) -> int | None:
    """Steps at the first evaluation at or below the goal."""
    measured: NDArray[np.float64] = (
        curve.validation_error if question.quantity == "error" else curve.validation_loss
    )
    below = np.flatnonzero(measured <= question.goal)
    return int(curve.steps[below[0]]) if len(below) else None

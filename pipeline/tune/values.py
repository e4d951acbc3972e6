"""What a study minimises: from results of trials to Optuna's values, and back to plain numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.outcome import Curve, Ended, RaceResult
from pipeline.studies.values import sound
from pipeline.tune.question import TO_GOAL, Objective, Question

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["plain", "reached", "steadied", "value_of", "values_of"]

_PENALTY: Final = 1.0  # doublings, added where the goal was not reached
_LADDER: Final = 3.0  # times the goal, where the levels begin that steady a cost
_LEVELS: Final = 5


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


def steadied(question: Question, results: Sequence[RaceResult]) -> float | None:
    """A cost that is less noisy than that of the goal: the mean over five levels on the way there.

    Log2 of the steps, examples or seconds to levels in geometric progression from three times the
    goal (or half of the way from it to what the untrained network scored, on a log scale, if that
    is nearer) down to the goal. A first crossing of one level is a matter of luck; between
    replicates of a setting the mean's standard deviation is about half as large, and it ranks
    settings alike (docs/tune.md).

    Args:
        question: With one objective.
        results: Of races of one trial, one a replicate.

    Returns:
        The cost, less than that of the goal; None where there is none.
    """
    (objective, *others) = question.objectives
    if others or objective not in TO_GOAL or values_of(question, results) is None:
        return None
    costs = [
        _cost(question, objective, result, 0, level)
        for result in results
        for level in _levels(question, result)
    ]
    return float(np.mean(costs))


def _levels(question: Question, result: RaceResult) -> list[float]:
    curve = result.results[0].curve
    column = curve.validation_error if question.quantity == "error" else curve.validation_loss
    untrained = float(column[0]) / question.goal
    factor = max(1.0, min(_LADDER, math.sqrt(untrained)))
    return [question.goal * factor ** (rung / (_LEVELS - 1)) for rung in range(_LEVELS)]


def reached(question: Question, results: Sequence[RaceResult]) -> bool:
    """Whether every replicate reached the goal at some evaluation."""
    return all(
        _first_step(question, result.results[0].curve, question.goal) is not None
        for result in results
    )


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
        return _cost(question, objective, result, member, question.goal)
    curve = outcome.curve
    column = curve.validation_loss if objective == "loss" else curve.validation_error
    if outcome.ended is Ended.DIVERGED:
        return float(column[0])
    return float(np.min(column[np.isfinite(column) & sound(curve)], initial=np.inf))


def _cost(
    question: Question, objective: Objective, result: RaceResult, member: int, level: float
) -> float:
    """Log2 of what reaching a level cost, or would have cost at least."""
    outcome, trial = result.results[member], result.race.trials[member]
    last = max(1, outcome.curve.last_step)
    per_step = {
        "steps": 1.0,
        "examples": float(trial.batch_size),
        # A trial that went on past the goal spent its seconds evenly, as nearly as matters.
        "seconds": result.seconds / last,
    }[objective]
    first = _first_step(question, outcome.curve, level)
    if first is not None:
        return math.log2(max(1, first) * per_step)
    spent = result.race.recipe.max_steps if outcome.ended is Ended.DIVERGED else last
    return math.log2(spent * per_step) + _PENALTY


def _first_step(question: Question, curve: Curve, level: float) -> int | None:
    """Steps at the first sound evaluation at or below a level."""
    measured: NDArray[np.float64] = (
        curve.validation_error if question.quantity == "error" else curve.validation_loss
    )
    below = np.flatnonzero((measured <= level) & sound(curve))
    return int(curve.steps[below[0]]) if len(below) else None

"""What the settings of a study are expected to be worth, over and above what each measured once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.tune.process import Process, fit
from pipeline.tune.question import TO_GOAL, Question
from pipeline.tune.storage import ENDED, STEADIED, proposed

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from optuna.trial import FrozenTrial

__all__ = ["FEWEST", "expected", "place", "surface"]

FEWEST: Final = 5  # trials with a value, below which a surface says nothing
_CAP: Final = 2.0  # doublings above the best, beyond which it does not matter how bad a trial was


def surface(question: Question, trials: Sequence[FrozenTrial]) -> Process | None:
    """The surface of one objective over batch size and learning rate, in doublings.

    A cost is that of `pipeline.tune.values.steadied`; a loss or an error counts by its log2. What
    is worse than four times the best counts as four times the best: how far a trial missed tells
    nothing of where the best settings are, and would rule the scale. So do trials that failed or
    were pruned.

    Args:
        question: With one objective.
        trials: Those of the study that have ended.

    Returns:
        The surface, or None where fewer than `FEWEST` trials have a value.
    """
    ended = [trial for trial in trials if proposed(trial) and ENDED in trial.user_attrs]
    values = _doublings(question, ended)
    known = values[np.isfinite(values)]
    if len(known) < FEWEST:
        return None
    return fit(np.array([place(t) for t in ended]), np.minimum(values, np.min(known) + _CAP))


def expected(question: Question, trials: Sequence[FrozenTrial]) -> dict[int, float] | None:
    """What trials' settings are expected to cost, as Optuna's values are: log2.

    The lowest of many noisy costs is too good to be true. The surface's mean at a setting draws on
    its neighbours too, so it is less lucky and less noisy.

    Args:
        question: What was asked.
        trials: Those of the study that have ended.

    Returns:
        By number of trial, of those with a value; None if the question is not of one cost, or has
        too few trials.
    """
    if len(question.objectives) > 1 or not set(question.objectives) <= TO_GOAL:
        return None
    if (found := surface(question, trials)) is None:
        return None
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    means, _ = found.at(np.array([place(trial) for trial in complete]))
    # Levels short of the goal cost less than the goal: by how much, the best half of them says.
    near = np.argsort(means)[: max(1, len(complete) // 2)]
    measured = np.array([trial.values[0] for trial in complete])
    more = np.median((measured - _doublings(question, complete))[near])
    return {trial.number: float(mean + more) for trial, mean in zip(complete, means, strict=True)}


def place(trial: FrozenTrial) -> tuple[float, float]:
    """Log2 of a trial's batch size and learning rate."""
    return math.log2(trial.params["batch_size"]), math.log2(trial.params["learning_rate"])


def _doublings(question: Question, trials: Sequence[FrozenTrial]) -> NDArray[np.float64]:
    """Values of trials on a log2 scale; infinity where one failed or was pruned."""
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    if not set(question.objectives) <= TO_GOAL:
        values = {trial.number: math.log2(max(trial.values[0], 1e-6)) for trial in complete}
    elif all(STEADIED in trial.user_attrs for trial in complete):
        values = {trial.number: float(trial.user_attrs[STEADIED]) for trial in complete}
    else:  # a study begun before costs were steadied
        values = {trial.number: trial.values[0] for trial in complete}
    return np.array([values.get(trial.number, math.inf) for trial in trials])

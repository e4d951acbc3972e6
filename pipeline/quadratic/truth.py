"""What the selftest's study should find at a batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.quadratic.closed_form import NoisyQuadratic, Optimum
from pipeline.quadratic.first_passage import Tuned, first_passages, mean_window, tuned_by_runs

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["FACTOR", "Truth", "passage_of_runs", "truth"]

FACTOR: Final = 2.0
"""Of the best steps, within which the window is compared."""

_RUNS: Final = 1000
_SEED: Final = 1907  # of the simulations, apart from the study's


@dataclass(frozen=True)
class Truth:
    """One batch size.

    Attributes:
        batch_size: B.
        optimum: Where the mean loss is first at the goal.
        tuned: The same of single runs, which is what a sweep measures.
        window: Mean decades within a factor 2 of the best steps, of single replicates.
        mean_window: The same of the mean loss.
    """

    batch_size: int
    optimum: Optimum
    tuned: Tuned
    window: float
    mean_window: float


def truth(goal: float, batch_size: int, evaluated: Sequence[int]) -> Truth:
    """Compute the answers for one batch size.

    Args:
        goal: Level of the loss.
        batch_size: B.
        evaluated: Steps at which runs are evaluated.

    Returns:
        Closed forms, and simulations where the question is of single runs.
    """
    problem = NoisyQuadratic()
    low, high = problem.window(goal, batch_size, FACTOR)
    return Truth(
        batch_size=batch_size,
        optimum=problem.tuned(goal, batch_size),
        tuned=tuned_by_runs(problem, goal, batch_size, evaluated, _RUNS, _SEED),
        window=mean_window(problem, goal, batch_size, evaluated, FACTOR, _SEED),
        mean_window=float(np.log10(high / low)),
    )


def passage_of_runs(
    goal: float, batch_size: int, learning_rate: float, evaluated: Sequence[int]
) -> tuple[float, float]:
    """Mean and standard deviation of the natural log of steps to a goal of single runs.

    Args:
        goal: Level of the loss.
        batch_size: B.
        learning_rate: η.
        evaluated: Steps at which runs are evaluated; runs short of the goal count the last.

    Returns:
        Both.
    """
    steps = first_passages(
        NoisyQuadratic(), goal, batch_size, [learning_rate], evaluated, 4 * _RUNS, _SEED
    )
    logs = np.log(np.where(np.isnan(steps), evaluated[-1], steps))
    return float(logs.mean()), float(logs.std())

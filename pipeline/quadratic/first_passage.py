"""What single runs of the noisy quadratic take to a goal: by exact simulation.

The mean of first passages is not the first passage of the mean: where the loss is flat, single runs
cross early. A pipeline that tunes by runs estimates the minimum of the former. Shapes: R runs, K
learning rates, d coordinates.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.finickiness.window import width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.quadratic.closed_form import NoisyQuadratic

__all__ = ["Tuned", "first_passages", "losses_of_runs", "mean_window", "tuned_by_runs"]

_RATES: Final = 31
_WINDOWS: Final = 100  # replicates
_BLOCKS: Final = 10  # of runs, from whose scatter the Monte Carlo error is taken
_NEAR: Final = 0.02  # log of steps: rates so near the best are what the minimum is fitted to


class Tuned(NamedTuple):
    """The best learning rate of single runs.

    Attributes:
        learning_rate: That minimises the mean logarithm of steps.
        error: Monte Carlo standard error of its natural logarithm.
        steps: Geometric mean of steps there.
    """

    learning_rate: float
    error: float
    steps: float


def losses_of_runs(
    problem: NoisyQuadratic,
    batch_size: int,
    learning_rates: Sequence[float] | NDArray[np.float64],
    evaluated: Sequence[int],
    runs: int,
    random: np.random.Generator,
) -> NDArray[np.float64]:
    """Losses of simulated runs at evaluations.

    Between two evaluations θ moves by its exact Gaussian transition, so nothing is approximated but
    the law of one step's noise, which is a mean over the batch. All learning rates of a run see the
    same batches, as race-mates do.

    Args:
        problem: The quadratic.
        batch_size: B.
        learning_rates: η [K], below 2.
        evaluated: The E steps at which the loss is seen, increasing from 0.
        runs: R.
        random: Source of the noise.

    Returns:
        Losses [E, R, K].
    """
    rates = np.asarray(learning_rates, dtype=np.float64)
    theta = np.ones((problem.dimensions, runs, len(rates)))
    losses = [np.einsum("drk,drk,d->rk", theta, theta, problem.curvature) / 2]
    for steps in np.diff(evaluated):
        shrink, root = _transition(problem, batch_size, rates, int(steps))
        theta *= shrink[:, None]
        theta += random.standard_normal(theta.shape) @ root.swapaxes(1, 2)
        losses.append(np.einsum("drk,drk,d->rk", theta, theta, problem.curvature) / 2)
    return np.array(losses)


def first_passages(
    problem: NoisyQuadratic,
    goal: float,
    batch_size: int,
    learning_rates: Sequence[float] | NDArray[np.float64],
    evaluated: Sequence[int],
    runs: int,
    seed: int,
) -> NDArray[np.float64]:
    """Steps to a goal of simulated runs, seen at evaluations and interpolated as the pipeline does.

    Args:
        problem: The quadratic.
        goal: Level of the loss.
        batch_size: B.
        learning_rates: η [K], below 2.
        evaluated: Steps at which the loss is seen, increasing from 0.
        runs: R.
        seed: Of the random numbers.

    Returns:
        Steps [R, K]; NaN where a run has not reached the goal by the last evaluation.
    """
    random = np.random.default_rng([seed, batch_size])
    losses = losses_of_runs(problem, batch_size, learning_rates, evaluated, runs, random)
    return _crossings(losses, np.asarray(evaluated, dtype=np.float64), goal)


def tuned_by_runs(
    problem: NoisyQuadratic,
    goal: float,
    batch_size: int,
    evaluated: Sequence[int],
    runs: int = 4000,
    seed: int = 0,
) -> Tuned:
    """The learning rate that minimises E[log steps to goal] of single runs.

    Runs short of the goal at the last evaluation count that step. The minimum is that of a quartic
    in log η through the rates whose steps are within 2 % of the fewest.

    Args:
        problem: The quadratic.
        goal: Level of the loss.
        batch_size: B.
        evaluated: Steps at which the loss is seen, increasing from 0.
        runs: How many.
        seed: Of the random numbers.

    Returns:
        The best learning rate with its Monte Carlo error.
    """
    best = problem.tuned(goal, batch_size).learning_rate
    rates = np.geomspace(best / 1.1, min(best * 1.6, 1.99), _RATES)
    blocks = np.array([
        _mean_log_steps(problem, goal, batch_size, rates, evaluated, runs // _BLOCKS, seed + block)
        for block in range(_BLOCKS)
    ])
    at = np.array([_lowest(rates, block)[0] for block in blocks])
    value, steps = _lowest(rates, blocks.mean(axis=0))
    return Tuned(float(np.exp(value)), float(at.std(ddof=1) / _BLOCKS**0.5), float(np.exp(steps)))


def mean_window(
    problem: NoisyQuadratic,
    goal: float,
    batch_size: int,
    evaluated: Sequence[int],
    factor: float,
    seed: int = 0,
) -> float:
    """Mean over replicates of the decades of learning rate within a factor of their best steps.

    Args:
        problem: The quadratic.
        goal: Level of the loss.
        batch_size: B.
        evaluated: Steps at which the loss is seen, increasing from 0.
        factor: Of the fewest steps, above 1.
        seed: Of the random numbers.

    Returns:
        Decades.
    """
    low, high = problem.window(goal, batch_size, factor)
    rates = np.geomspace(low / 2, min(2 * high, 1.999), _RATES)
    steps = first_passages(problem, goal, batch_size, rates, evaluated, _WINDOWS, seed)
    costs = np.log2(np.where(np.isnan(steps), np.inf, steps))
    widths = [width(np.log10(rates), cost, np.isfinite(cost), factor) for cost in costs]
    return float(np.mean([one.decades for one in widths]))


def _transition(
    problem: NoisyQuadratic, batch_size: int, rates: NDArray[np.float64], steps: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How θ moves over some steps: factors [d, K], and a root of the noise's covariance [d, K, K].

    Noise of covariance C/B enters at each step of every learning rate at once: with a = 1 − ηh, the
    covariance of rates j and k is η_j η_k h/B · (1 − (a_j a_k)^steps) / (1 − a_j a_k).
    """
    h = problem.curvature[:, None]
    a = 1 - rates * h
    product = a[:, :, None] * a[:, None, :]
    scale = rates[:, None] * rates * h[:, :, None] / batch_size
    values, vectors = np.linalg.eigh(scale * (1 - product**steps) / (1 - product))
    return a**steps, vectors * np.sqrt(np.maximum(values, 0))[:, None, :]


def _mean_log_steps(
    problem: NoisyQuadratic,
    goal: float,
    batch_size: int,
    rates: NDArray[np.float64],
    evaluated: Sequence[int],
    runs: int,
    seed: int,
) -> NDArray[np.float64]:
    steps = first_passages(problem, goal, batch_size, rates, evaluated, runs, seed)
    return np.log(np.where(np.isnan(steps), evaluated[-1], steps)).mean(axis=0)


def _lowest(rates: NDArray[np.float64], cost: NDArray[np.float64]) -> tuple[float, float]:
    """Where a quartic through the lowest costs has its minimum, and the minimum.

    Of the fourth degree, because towards the edge of stability the cost rises far more steeply.
    """
    inside = np.flatnonzero(cost <= cost.min() + _NEAR)
    near = slice(max(int(inside[0]) - 2, 0), int(inside[-1]) + 3)
    x = np.log(rates[near])
    fine = np.linspace(float(x[0]), float(x[-1]), 4000)
    powers, dense = (np.vander((column - x.mean()) / np.ptp(x), 5) for column in (x, fine))
    fitted = dense @ np.linalg.lstsq(powers, cost[near])[0]
    best = int(np.argmin(fitted))
    return float(fine[best]), float(fitted[best])


def _crossings(
    losses: NDArray[np.float64], evaluated: NDArray[np.float64], goal: float
) -> NDArray[np.float64]:
    """First crossings [R, K] of losses [E, R, K], linear in the loss and in the log of steps."""
    under = losses <= goal
    last = np.maximum(np.argmax(under, axis=0), 1)
    above, below = (np.take_along_axis(losses, at[None], axis=0)[0] for at in (last - 1, last))
    start, end = np.log(np.maximum(evaluated[last - 1], 1)), np.log(evaluated[last])
    steps = np.exp(start + (above - goal) / (above - below) * (end - start))
    return np.where(under.any(axis=0), steps, np.nan)

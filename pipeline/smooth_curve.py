"""A smooth curve through log steps against log batch size that assumes no formula."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import optimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["smooth_slopes"]

SEGMENTS: Final = 96
DRAWS: Final = 1000
_SEED: Final = 1811_03600  # fixed: the same measurements give the same limits
_ROUGHNESS: Final = 0.1  # variance of the slope per unit of log batch size
_LEVEL: Final = 10.0  # prior standard deviation of log steps about their mean: anything goes
_SPREADS: Final = np.geomspace(1e-3, 10.0, 40)  # of log steps between replicates


def smooth_slopes(
    size: NDArray[np.float64],
    steps: NDArray[np.float64],
    count: NDArray[np.int64],
    pure: float,
    dof: int,
) -> NDArray[np.float64]:
    """Draw curves that fit, as slopes d log S / d log B on equal segments from end to end.

    A penalised spline of degree 1, that is, a smoothing spline on a fine grid: the slope is a
    random walk of variance 0.1 per unit of log B, which from perfect scaling (−1) to none (0)
    leaves it some ten units or less (a hyperbola takes eight), starting anywhere about −1/2 with
    standard deviation 1/2. The penalty is the noise's variance over 0.1, so that the smoothing
    follows the noise; the spread of the noise has the prior 1 / σ, is weighed on a grid by the
    likelihood of the means and of the replicates, and is drawn with the curve. Every drawn slope
    is then made the nearest one that only rises with B and is at most 0: log S is convex in log B
    and doesn't grow. Source: Wahba 1983, J. R. Stat. Soc. B 45 (Bayesian intervals of smoothing
    splines); Eilers & Marx 1996, Stat. Sci. 11 (penalised splines); Lin & Dunson 2014, Biometrika
    101 (monotone by projection of draws).

    Args:
        size: Log batch sizes [n], rising, two at least.
        steps: Mean log steps of each [n].
        count: Replicates of each [n].
        pure: Sum of squares of log steps between replicates.
        dof: Its degrees of freedom; 0 without replicates.

    Returns:
        Slopes [D, K] of draws, by rising batch size; the same for the same arguments.
    """
    basis, at_sizes = _basis(size)
    rest = steps - np.mean(steps) + (size - size[0]) / 2
    spread = _drawn_spreads(at_sizes, rest, count, pure, dof)
    random = np.random.default_rng(_SEED)
    prior = random.normal(size=(DRAWS, SEGMENTS + 1))
    noise = random.normal(size=(DRAWS, len(size)))
    curves = np.empty((DRAWS, SEGMENTS + 1))
    for one in np.unique(spread):
        own = spread == one
        missed = rest - prior[own] @ at_sizes.T - noise[own] * one / np.sqrt(count)
        gain = np.linalg.solve(_covariance(at_sizes, one, count), at_sizes)
        curves[own] = (prior[own] + missed @ gain) @ basis.T
    width = (size[-1] - size[0]) / SEGMENTS
    slopes = np.diff(curves, axis=1) / width - 0.5
    rising = [optimize.isotonic_regression(slope).x for slope in slopes]
    return np.minimum(np.array(rising), 0.0)


def _basis(size: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curves of unit variance each: level, slope, and a kink at every grid point but the ends.

    Returns:
        Their values on the grid [K + 1, K + 1] and, between its points, at the sizes [n, K + 1].
    """
    grid: NDArray[np.float64] = np.linspace(float(size[0]), float(size[-1]), SEGMENTS + 1)
    kinks = np.maximum(grid[:, None] - grid[1:-1], 0.0)
    rough = np.sqrt(_ROUGHNESS * (grid[1] - grid[0]))
    level = np.full((SEGMENTS + 1, 1), _LEVEL)
    basis = np.hstack([level, (grid[:, None] - grid[0]) / 2, rough * kinks])
    place = (size - grid[0]) / (grid[1] - grid[0])
    before = np.minimum(place.astype(np.int64), SEGMENTS - 1)
    share = (place - before)[:, None]
    return basis, (1 - share) * basis[before] + share * basis[before + 1]


def _covariance(
    at_sizes: NDArray[np.float64], spread: float, count: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Of the mean log steps [n, n]."""
    return at_sizes @ at_sizes.T + np.diag(spread**2 / count)


def _drawn_spreads(
    at_sizes: NDArray[np.float64],
    rest: NDArray[np.float64],
    count: NDArray[np.int64],
    pure: float,
    dof: int,
) -> NDArray[np.float64]:
    """A spread of the noise for every draw, in shares of its posterior probability."""
    log_weight = np.empty(len(_SPREADS))
    for i, spread in enumerate(_SPREADS):
        covariance = _covariance(at_sizes, float(spread), count)
        sign_and_volume = np.linalg.slogdet(covariance)
        fit = rest @ np.linalg.solve(covariance, rest)
        log_weight[i] = -(sign_and_volume.logabsdet + fit + pure / spread**2) / 2
        log_weight[i] -= dof * np.log(spread)
    weight = np.exp(log_weight - log_weight.max())
    quantile = (np.arange(DRAWS) + 0.5) / DRAWS
    return _SPREADS[np.searchsorted(np.cumsum(weight) / np.sum(weight), quantile)]

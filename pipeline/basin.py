"""Where steps to a goal are fewest along the learning rate, by curves of the shapes they have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pipeline.intervals import Interval, t_quantile
from pipeline.moderated import moderated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Basin", "basin", "with_common_errors"]

_PLACES: Final = 121  # candidates of the minimum
_STEEPNESS: Final = np.geomspace(0.3, 60, 24)  # of the rise above the minimum, per e-fold
_CURVATURE: Final = np.geomspace(0.1, 20, 240)  # of a parabola, octaves per squared e-fold
_BIAS: Final = 0.03  # of the shapes themselves, as a standard error of log η


@dataclass(frozen=True)
class _Points:
    """Trials of a cell, sorted: log learning rate x, log2 steps y, replicate, and whether near."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    group: NDArray[np.int64]
    near: NDArray[np.bool_]


@dataclass(frozen=True)
class Basin:
    """A minimum along the learning rate, in units of its logarithm.

    Attributes:
        value: Where it is.
        error: Its standard error.
        dof: Degrees of freedom of the error.
        beside: The next rates tried on either side; ``value`` where there are none.
        reach: Rates that an interval is kept within.
    """

    value: float
    error: float
    dof: float
    beside: tuple[float, float]
    reach: tuple[float, float]

    def interval(self, confidence: float) -> Interval:
        """The minimum with its interval, Student's, but never narrower than `beside`.

        Args:
            confidence: Level of the interval, in (0, 1).

        Returns:
            Value and limits, none of them None. Source: that of `basin`.
        """
        within = t_quantile(confidence, self.dof) * self.error
        half = math.hypot(within, float(special.ndtri((1 + confidence) / 2)) * _BIAS)
        low, high = min(self.value - half, self.beside[0]), max(self.value + half, self.beside[1])
        return Interval(
            self.value,
            min(max(low, self.reach[0]), self.value),
            max(min(high, self.reach[1]), self.value),
        )


def basin(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    near: NDArray[np.bool_],
) -> Basin | None:
    """Minimum of y = a_group + shape(x − x*), by least squares.

    The shape is the better one of two, each with one free number: a parabola c·u², or
    (−u + (e^κu − 1)/κ) / ln 2, which falls as 1/η far below the minimum, as steps of gradient
    descent do, and rises above it as steeply as κ says, up to a cliff. Points that are not near
    are lower bounds: the curve must not pass below them.

    The standard error is the jackknife's over the R replicates, with R − 1 degrees of freedom,
    because trials of a replicate see the same batches, so that their errors are alike and say
    little of how the minimum moves from one replicate to the next; of a single replicate, that of
    the profile of the sum of squares, with n − 3. No steps have exactly such a shape, which more
    trials do not mend, so intervals allow for a standard error of 3 % of that too. An interval also
    holds the next rates tried on either side of the value, for what is between two rates, a cliff
    say, was not seen, and does not reach beyond the next rates tried around the near points.

    Source: docs/science.md, estimand 5; the shape is fitted to, and its coverage measured on, the
    noisy quadratic (docs/science-selftest.md); jackknife: Tukey 1958, "Bias and confidence in not
    quite large samples".

    Args:
        x: Natural log of the learning rate [n].
        y: log2 of steps of the near points, of the others what they exceed [n], −∞ for nothing.
        group: Index of the replicate [n]; each has its own offset and at least one near point.
        near: Points that the curve is fitted to.

    Returns:
        The minimum; None where the points are too few for a degree of freedom.
    """
    order = np.lexsort((y, x, group))
    groups, numbered = np.unique(group[order], return_inverse=True)
    points = _Points(x[order], y[order], numbered, near[order])
    count, replicates = int(near.sum()), len(groups)
    dof = count - replicates - 2
    if dof < 1:
        return None
    reach = _reach(points)
    places = np.linspace(*reach, _PLACES)
    squares = np.array([_squares(points, index, places) for index in range(replicates)])
    profile = squares.sum(axis=0).min(axis=1)
    value = _lowest(places, profile)
    if replicates > 1:
        error, dof = _jackknifed(places, squares), replicates - 1
    else:
        error = _profiled(places, profile, dof)
    # Candidates are as far apart as that: no minimum is known better.
    error = max(error, float(places[1] - places[0]) / 12**0.5)
    return Basin(value, error, dof, _neighbours(points, value), reach)


def with_common_errors(fits: Sequence[Basin | None]) -> list[Basin | None]:
    """Draw standard errors towards what those of all cells have in common (`moderated`).

    Three replicates tell a cell's error badly, and the cells of a study together tell it well.
    Source: Smyth 2004, as there; coverage: docs/science-selftest.md.

    Args:
        fits: One per cell, None where a cell has none.

    Returns:
        The fits in their order; values stay as they are.
    """
    there = [fit for fit in fits if fit is not None]
    errors = np.array([fit.error for fit in there])
    variances, dof = moderated(errors**2, np.array([float(fit.dof) for fit in there]))
    drawn = [
        replace(fit, error=float(variances[i]) ** 0.5, dof=float(dof[i]))
        for i, fit in enumerate(there)
    ]
    left = iter(drawn)
    return [None if fit is None else next(left) for fit in fits]


def _reach(points: _Points) -> tuple[float, float]:
    """The next rates tried around the near ones, or these where there are none."""
    first, last = points.x[points.near].min(), points.x[points.near].max()
    below, above = points.x[points.x < first], points.x[points.x > last]
    return (
        float(below.max() if len(below) else first),
        float(above.min() if len(above) else last),
    )


def _squares(points: _Points, index: int, places: NDArray[np.float64]) -> NDArray[np.float64]:
    """One replicate's squares [places, shapes], with the offset that suits its near points."""
    own = points.group == index
    x, y, near = points.x[own], points.y[own], points.near[own]
    u = x - places[:, None]
    off = np.empty((len(places), len(_STEEPNESS) + len(_CURVATURE), len(x)))  # in place: it is big
    steep, curved = off[:, : len(_STEEPNESS)], off[:, len(_STEEPNESS) :]
    rise = np.expm1(np.minimum(_STEEPNESS[:, None] * u[:, None], 50)) / _STEEPNESS[:, None]
    np.divide(rise - u[:, None], np.log(2), out=steep)
    np.multiply(_CURVATURE[:, None], u[:, None] ** 2, out=curved)
    np.subtract(y, off, out=off)
    off -= off[..., near].mean(axis=-1, keepdims=True)
    np.maximum(off, np.where(near, -np.inf, 0.0), out=off)
    np.square(off, out=off)
    return off.sum(axis=-1)


def _lowest(places: NDArray[np.float64], profile: NDArray[np.float64]) -> float:
    """Minimum of a profile, between candidates by a parabola through three."""
    best = int(np.argmin(profile))
    if best in {0, len(places) - 1}:
        return float(places[best])
    left, middle, right = profile[best - 1 : best + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(places[best] + shift * (places[1] - places[0]))


def _profiled(places: NDArray[np.float64], profile: NDArray[np.float64], dof: int) -> float:
    """Half of where the sum of squares exceeds its least by no more than one residual variance."""
    inside = places[profile <= profile.min() * (1 + 1 / dof)]
    return float(inside[-1] - inside[0]) / 2


def _jackknifed(places: NDArray[np.float64], squares: NDArray[np.float64]) -> float:
    count, before, left_out = len(squares), np.zeros_like(squares[0]), np.empty(len(squares))
    # Summed anew each time: taking one away would cancel digits where its squares are huge.
    for index in range(count):
        others = before.copy()
        for later in squares[index + 1 :]:
            others += later
        left_out[index] = _lowest(places, others.min(axis=1))
        before += squares[index]
    return float(np.sqrt((count - 1) / count * np.sum((left_out - left_out.mean()) ** 2)))


def _neighbours(points: _Points, value: float) -> tuple[float, float]:
    """The next rates tried on either side of a value, of any replicate."""
    below, above = points.x[points.x < value], points.x[points.x > value]
    return (
        float(below.max()) if len(below) else value,
        float(above.min()) if len(above) else value,
    )

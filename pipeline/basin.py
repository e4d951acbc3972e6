"""Where steps to a goal are fewest along the learning rate, by curves of the shapes they have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import stats

from pipeline.intervals import Interval, t_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["basin"]

_PLACES: Final = 121  # candidates of the minimum
_STEEPNESS: Final = np.geomspace(0.3, 60, 24)  # of the rise above the minimum, per e-fold
_CURVATURE: Final = np.geomspace(0.1, 20, 240)  # of a parabola, octaves per squared e-fold


@dataclass(frozen=True)
class _Points:
    """Trials of a cell, sorted: log learning rate x, log2 steps y, replicate, and whether near."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    group: NDArray[np.int64]
    near: NDArray[np.bool_]


def basin(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    group: NDArray[np.int64],
    near: NDArray[np.bool_],
    confidence: float,
) -> Interval | None:
    """Minimum of y = a_group + shape(x − x*), by least squares.

    The shape is the better one of two, each with one free number: a parabola c·u², or
    (−u + (e^κu − 1)/κ) / ln 2, which falls as 1/η far below the minimum, as steps of gradient
    descent do, and rises above it as steeply as κ says, up to a cliff. Points that are not near
    are lower bounds: the curve must not pass below them.

    The interval is the wider of two. By the replicates R: jackknife over them, Student with R − 1
    degrees of freedom, because trials of a replicate see the same batches, so that their errors are
    alike and say little of how the minimum moves from one replicate to the next; of a single
    replicate, the profile of the sum of squares, F(1, n − 3). By the design: the next rates tried
    on either side of the value, for what is between two rates, a cliff say, was not seen. It does
    not reach beyond the next rates tried around the near ones.

    Source: SCIENCE.md, estimand 5; the shape is fitted to, and its coverage measured on, the noisy
    quadratic (docs/science-selftest.md); jackknife: Tukey 1958, "Bias and confidence in not quite
    large samples".

    Args:
        x: Natural log of the learning rate [n].
        y: log2 of steps of the near points, of the others what they exceed [n], −∞ for nothing.
        group: Index of the replicate [n]; each has its own offset and at least one near point.
        near: Points that the curve is fitted to.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The minimum in units of ``x``; None where the points are too few for a degree of freedom.
    """
    order = np.lexsort((y, x, group))
    groups, numbered = np.unique(group[order], return_inverse=True)
    points = _Points(x[order], y[order], numbered, near[order])
    count, replicates = int(near.sum()), len(groups)
    if count - replicates - 2 < 1:
        return None
    low, high = _reach(points)
    places = np.linspace(low, high, _PLACES)
    squares = np.array([_squares(points, index, places) for index in range(replicates)])
    profile = squares.sum(axis=0).min(axis=1)
    value = _lowest(places, profile)
    spread = (
        _jackknifed(places, squares, value, confidence)
        if replicates > 1
        else _profiled(places, profile, count - replicates - 2, confidence)
    )
    limits = [spread, _neighbours(points, value)]
    return Interval(
        value,
        max(min(value, *(limit[0] for limit in limits)), low),
        min(max(value, *(limit[1] for limit in limits)), high),
    )


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
    rise = np.expm1(np.minimum(_STEEPNESS[:, None] * u[:, None], 50)) / _STEEPNESS[:, None]
    curves = np.concatenate(
        [(rise - u[:, None]) / np.log(2), _CURVATURE[:, None] * u[:, None] ** 2], axis=1
    )
    off = y - curves
    off -= off[..., near].mean(axis=-1, keepdims=True)
    off[..., ~near] = np.maximum(off[..., ~near], 0)
    return (off**2).sum(axis=-1)


def _lowest(places: NDArray[np.float64], profile: NDArray[np.float64]) -> float:
    """Minimum of a profile, between candidates by a parabola through three."""
    best = int(np.argmin(profile))
    if best in {0, len(places) - 1}:
        return float(places[best])
    left, middle, right = profile[best - 1 : best + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 0 else 0.0
    return float(places[best] + shift * (places[1] - places[0]))


def _profiled(
    places: NDArray[np.float64], profile: NDArray[np.float64], dof: int, confidence: float
) -> tuple[float, float]:
    threshold = 1 + float(stats.f.ppf(confidence, 1, dof)) / dof
    inside = places[profile <= profile.min() * threshold]
    return float(inside[0]), float(inside[-1])


def _jackknifed(
    places: NDArray[np.float64], squares: NDArray[np.float64], value: float, confidence: float
) -> tuple[float, float]:
    count = len(squares)
    # Summed anew each time: taking one away would cancel digits where its squares are huge.
    others = (np.delete(squares, index, axis=0).sum(axis=0) for index in range(count))
    left_out = np.array([_lowest(places, one.min(axis=1)) for one in others])
    error = float(np.sqrt((count - 1) / count * np.sum((left_out - left_out.mean()) ** 2)))
    reach = t_quantile(confidence, count - 1) * error
    return value - reach, value + reach


def _neighbours(points: _Points, value: float) -> tuple[float, float]:
    """The next rates tried on either side of a value, of any replicate."""
    below, above = points.x[points.x < value], points.x[points.x > value]
    return (
        float(below.max()) if len(below) else value,
        float(above.min()) if len(above) else value,
    )

"""The shapes of scaling rules in log η against log B, and their least squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intervals import UNKNOWN, Interval
from pipeline.squares_curve import SquaresCurve

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CURVES", "Curve", "CurveFit"]

_REACH: Final = 6.0  # log units beyond the batch sizes measured: B_n there is not measured
_GRID: Final = 801


@dataclass(frozen=True)
class Curve:
    """log η = level + shape(log B, parameter).

    Attributes:
        shape: The curve of level 0, from log B [n] and the parameter [T, 1].
        box: Where the parameter may lie, from the ends of log B; None where there is none.
        log: Whether the parameter is a logarithm.
    """

    shape: Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64]]
    box: Callable[[float, float], tuple[float, float]] | None = None
    log: bool = False


def _around(low: float, high: float) -> tuple[float, float]:
    return low - _REACH, high + _REACH


def _slopes(low: float, high: float) -> tuple[float, float]:
    return -10.0, 10.0


def _surge(size: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    half = (noise - size) / 2
    return math.log(2) - np.logaddexp(half, -half)


CURVES: Final = {
    "constant": Curve(lambda size, none: 0 * size + none),
    "linear": Curve(lambda size, none: size + none),
    "sqrt": Curve(lambda size, none: size / 2 + none),
    "power": Curve(lambda size, exponent: exponent * size, _slopes),
    "saturating": Curve(lambda size, noise: -np.logaddexp(0, noise - size), _around, log=True),
    "surge": Curve(_surge, _around, log=True),
}
"""By name: parameters are the log of the level, and the exponent, the log of B_n, or none (0)."""


class CurveFit:
    """Least squares of Σ w·(log η − level − shape)² for one rule.

    The level is profiled out; the other parameter, if any, is found by `SquaresCurve`. Source:
    Bates & Watts 1988, sections 3.5.5 and 6.1.

    Attributes:
        parameters: How many, 1 or 2.
        squares: Least weighted sum of squares.
        measured: Whether the parameters have finite estimates: at the end of where the second may
            lie, the rule is a simpler one.
    """

    def __init__(
        self,
        name: str,
        size: NDArray[np.float64],
        rate: NDArray[np.float64],
        weight: NDArray[np.float64],
    ) -> None:
        self._curve = CURVES[name]
        self._size, self._rate, self._weight = size, rate, weight
        self._total = float(np.sum(weight))
        box = self._curve.box
        self.parameters = 1 if box is None else 2
        ends = (0.0, 0.0) if box is None else box(float(size[0]), float(size[-1]))
        grid = np.linspace(*ends, 1 if box is None else _GRID)
        self._profile = SquaresCurve(grid, self._squares(grid), self._squares_at)
        self._best = self._profile.minimum()
        self.squares = self._squares_at(self._best)
        gap = (ends[1] - ends[0]) / _GRID
        self.measured = box is None or ends[0] + gap < self._best < ends[1] - gap

    def shape(self, threshold: float | None) -> Interval:
        """The second parameter with its profile limits; all None where the rule has none.

        Args:
            threshold: Sum of squares up to which a value is inside; None for no limits.

        Returns:
            The exponent, or B_n in examples; a limit is None where unbounded.
        """
        if self.parameters == 1 or not self.measured:
            return UNKNOWN
        limits = (None, None) if threshold is None else self._profile.limits(self._best, threshold)
        found = Interval(self._best, *limits)
        return found.map(math.exp) if self._curve.log else found

    def level(self, threshold: float | None) -> Interval:
        """The level with its profile limits, as a learning rate.

        Args:
            threshold: As for `shape`.

        Returns:
            The learning rate; its limits are None where the other parameter's are.
        """
        if not self.measured:
            return UNKNOWN
        value = math.exp(float(self._left(np.array([self._best]))[0] @ self._weight) / self._total)
        if threshold is None:
            return Interval(value)
        ends: tuple[float | None, float | None] = (self._best, self._best)
        if self.parameters == 2:
            ends = self._profile.limits(self._best, threshold)
        if ends[0] is None or ends[1] is None:
            return Interval(value)
        shapes = np.linspace(ends[0], ends[1], _GRID)
        levels = self._left(shapes) @ self._weight / self._total
        # How far the level may move at one value of the other parameter.
        reach = np.sqrt(np.maximum(threshold - self._squares(shapes), 0.0) / self._total)
        low, high = float(np.min(levels - reach)), float(np.max(levels + reach))
        return Interval(value, math.exp(low), math.exp(high))

    def _left(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log η less the curve of level 0, at every shape [T] for every batch size [n]."""
        return self._rate - self._curve.shape(self._size, shapes[:, None])

    def _squares(self, shapes: NDArray[np.float64]) -> NDArray[np.float64]:
        left = self._left(shapes)
        return (left - (left @ self._weight / self._total)[:, None]) ** 2 @ self._weight

    def _squares_at(self, shape: float) -> float:
        return float(self._squares(np.array([shape]))[0])

"""The sum of squares of S(B) = S_min (1 + B_crit / B) in log space, as a curve over B_crit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import optimize

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hyperbola"]

_REACH: Final = 15.0  # log units beyond the measured batch sizes, where the curve is at its limit
_GRID: Final = 4001


class Hyperbola:
    """Least squares of log S = log S_min + log(1 + e^θ / B) over θ = log B_crit.

    log S_min enters linearly and is profiled out, so that one curve over θ holds the estimate and
    its profile interval, whatever its shape. The curve is flat beyond the batch sizes measured:
    S is constant towards B_crit = 0, and proportional to 1 / B towards infinity. Source:
    McCandlish et al. 2018 (arXiv 1812.06162), eq. 2.11; Bates & Watts 1988, sections 3.5.5 (linear
    parameters) and 6.1 (profiles).
    """

    def __init__(self, size: NDArray[np.int64], steps: NDArray[np.float64]) -> None:
        order = np.lexsort((steps, size))  # so that no digit depends on the order of the rows
        sizes, self._cell = np.unique(size[order], return_inverse=True)
        self._size = np.log(size[order])
        self._steps = np.log(steps[order])
        self.points = len(sizes)
        self.measured = (float(self._size[0]), float(self._size[-1]))
        self._grid = np.linspace(self.measured[0] - _REACH, self.measured[1] + _REACH, _GRID)
        self._squares = self._squares_at(self._grid)

    def at(self, theta: float) -> float:
        """Residual sum of squares, in squared log steps."""
        return float(self._squares_at(np.array([theta]))[0])

    def level(self, theta: float) -> float:
        """The log of S_min that fits best."""
        return float(np.mean(self._left(np.array([theta]))))

    def pure(self) -> tuple[float, int]:
        """Sum of squares between replicates of a batch size, and its degrees of freedom."""
        count = np.bincount(self._cell)
        within = self._steps - (np.bincount(self._cell, self._steps) / count)[self._cell]
        return float(np.sum(within**2)), len(self._cell) - len(count)

    def minimum(self) -> float:
        """Estimate of θ; more than 14 beyond the measured batch sizes it means 0 or infinity."""
        at = int(np.argmin(self._squares))
        coarse = float(self._grid[at])
        if at in {0, len(self._grid) - 1}:
            return coarse
        around = (float(self._grid[at - 1]), float(self._grid[at + 1]))
        found = optimize.minimize_scalar(
            self.at, bounds=around, method="bounded", options={"xatol": 1e-10}
        )
        return min(coarse, float(found.x), key=self.at)

    def limits(self, best: float, threshold: float) -> tuple[float | None, float | None]:
        """Lowest and highest θ with a sum of squares up to ``threshold``; None where unbounded."""
        inside = np.append(self._grid[self._squares <= threshold], best)
        first, last = float(inside.min()), float(inside.max())
        before, after = self._grid[self._grid < first], self._grid[self._grid > last]
        low = self._cross(threshold, first, float(before[-1])) if len(before) else None
        high = self._cross(threshold, last, float(after[0])) if len(after) else None
        return low, high

    def _cross(self, threshold: float, inside: float, outside: float) -> float:
        if self.at(inside) >= threshold:  # without any residual the limits are the estimate
            return inside
        root = optimize.brentq(lambda theta: self.at(theta) - threshold, inside, outside)
        return float(root)

    def _squares_at(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        left = self._left(theta)
        return np.sum((left - np.mean(left, axis=1, keepdims=True)) ** 2, axis=1)

    def _left(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Log steps less the curve with S_min = 1, at every θ [T] for every replicate [n]."""
        return self._steps - np.logaddexp(0, theta[:, None] - self._size)

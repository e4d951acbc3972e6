"""A sum of squares over one parameter: where it is least, and up to where a fit still agrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["SquaresCurve"]


@dataclass(frozen=True, eq=False)
class SquaresCurve:
    """The curve, known on a grid and computable anywhere; all other parameters are profiled out.

    A grid first, so that no start decides which of several minima is found. Source: Bates & Watts
    1988, section 6.1.

    Attributes:
        grid: Values of the parameter [T], ascending.
        squares: Sums of squares there [T].
        at: The sum of squares at any value.
    """

    grid: NDArray[np.float64]
    squares: NDArray[np.float64]
    at: Callable[[float], float]

    @property
    def lowest(self) -> int:
        """Place of the least sum of squares on the grid."""
        return int(np.argmin(self.squares))

    def around(self, place: int) -> tuple[float, float]:
        """The grid's neighbours of a place on it."""
        last = len(self.grid) - 1
        return float(self.grid[max(place - 1, 0)]), float(self.grid[min(place + 1, last)])

    def minimum(self) -> float:
        """Where the sum of squares is least, near the grid's best value."""
        coarse = float(self.grid[self.lowest])
        if len(self.grid) == 1:
            return coarse
        found = optimize.minimize_scalar(
            self.at, bounds=self.around(self.lowest), method="bounded", options={"xatol": 1e-10}
        )
        return min(coarse, float(found.x), key=self.at)

    def limits(self, best: float, threshold: float) -> tuple[float | None, float | None]:
        """Lowest and highest value with a sum of squares up to ``threshold``.

        Args:
            best: Where it is least.
            threshold: At least the sum there.

        Returns:
            Both; None where the grid ends before.
        """
        inside = np.append(self.grid[self.squares <= threshold], best)
        first, last = float(inside.min()), float(inside.max())
        before, after = self.grid[self.grid < first], self.grid[self.grid > last]
        low = self._cross(threshold, first, float(before[-1])) if len(before) else None
        high = self._cross(threshold, last, float(after[0])) if len(after) else None
        return low, high

    def _cross(self, threshold: float, inside: float, outside: float) -> float:
        if self.at(inside) >= threshold:  # without any residual the limits are the estimate
            return inside
        return float(optimize.brentq(lambda value: self.at(value) - threshold, inside, outside))

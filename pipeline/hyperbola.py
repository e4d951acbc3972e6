"""The sum of squares of S(B) = S_min (1 + B_crit / B) as a curve over B_crit."""

from __future__ import annotations

import math
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np
from scipy import optimize, special

from pipeline.squares_curve import SquaresCurve

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Hyperbola", "Limits", "Profile", "Space"]

Space = Literal["log", "linear"]
Limits = tuple[float | None, float | None]

_REACH: Final = 15.0  # log units beyond the measured batch sizes, where the curve is at its limit
_GRID: Final = 4001
_COARSE: Final = 1001  # with censored rows, whose level takes iterations
_NOTHING: Final = 1e-300  # stands for an S_min that is not positive
_LOWEST: Final = -600.0  # log of anything larger than that
_OUTSIDE: Final = 1e4  # beyond the log of any limit
_NEWTON: Final = 60
_FAR: Final = 100.0  # spreads below a censored row, where its hazard is a straight line
_SETTLED: Final = 1e-11  # of the level, relative to the spread


class Profile(NamedTuple):
    """The best fit at every θ [T].

    Attributes:
        level: log S_min, or S_min in linear space.
        squares: What is minimised: squared log steps, or squared steps.
        curvature: Half the second derivative of the squares by the level.
    """

    level: NDArray[np.float64]
    squares: NDArray[np.float64]
    curvature: NDArray[np.float64]


class Hyperbola:
    """Least squares of S = S_min (1 + e^θ / B) over θ = log B_crit, in log or linear space.

    The level, log S_min in log space and S_min in linear space, enters linearly and is profiled
    out, so that one curve over θ holds the estimates and their profile intervals, whatever its
    shape. The curve is flat beyond the batch sizes measured: S is constant towards B_crit = 0, and
    proportional to 1 / B towards infinity. A censored row adds −2 σ² log P(its steps exceed the
    last seen) where a reached one adds its squared residual, with normal errors of spread σ in the
    space of the fit. Source: McCandlish et al. 2018 (arXiv 1812.06162), eq. 2.11; Bates & Watts
    1988, sections 3.5.5 (linear parameters) and 6.1 (profiles); Tobin 1958 (censored rows).
    """

    def __init__(
        self,
        size: NDArray[np.int64],
        steps: NDArray[np.float64],
        censored: NDArray[np.bool_] | None = None,
        *,
        space: Space = "log",
        spread: float = 1.0,
    ) -> None:
        censored = np.zeros(len(size), dtype=np.bool_) if censored is None else censored
        order = np.lexsort((steps, censored, size))  # no digit depends on the order of the rows
        self._censored = censored[order]
        self._linear, self._spread = space == "linear", spread
        self._size = np.log(size[order])
        self._steps = steps[order] if self._linear else np.log(steps[order])
        reached, self._cell = np.unique(size[order][~self._censored], return_inverse=True)
        self.points = len(reached)
        self.measured = (math.log(reached[0]), math.log(reached[-1]))
        lowest, highest = float(self._size[0]) - _REACH, float(self._size[-1]) + _REACH
        points = _COARSE if np.any(censored) else _GRID
        self._grid: NDArray[np.float64] = np.linspace(lowest, highest, points)

    @cached_property
    def _curve(self) -> Profile:
        return self._profile(self._grid)

    @cached_property
    def _squares(self) -> SquaresCurve:
        return SquaresCurve(self._grid, self._curve.squares, self.at)

    def at(self, theta: float) -> float:
        """Residual sum of squares, in squared log steps, or steps in linear space."""
        return float(self._profile(np.array([theta])).squares[0])

    def level(self, theta: float) -> float:
        """The log of S_min that fits best, or S_min in linear space."""
        return float(self._profile(np.array([theta])).level[0])

    def s_min(self, theta: float) -> float:
        """The S_min that fits best, in steps."""
        return self.level(theta) if self._linear else math.exp(self.level(theta))

    def pure(self) -> tuple[float, int]:
        """Sum of squares between reached replicates of a batch size, its degrees of freedom.

        Rounding error counts as nothing: replicates that agree have a sum of 0.
        """
        steps, count = self._steps[~self._censored], np.bincount(self._cell)
        within = steps - (np.bincount(self._cell, steps) / count)[self._cell]
        squares = float(np.sum(within**2))
        rounding = 1e-20 * (float(np.mean(steps**2)) if self._linear else 1.0)
        return (squares if squares > rounding else 0.0), len(self._cell) - len(count)

    def minimum(self) -> float:
        """Estimate of θ; more than 14 beyond the measured batch sizes it means 0 or infinity."""
        at = self._squares.lowest
        return float(self._grid[at]) if at in {0, len(self._grid) - 1} else self._squares.minimum()

    def limits(self, best: float, threshold: float) -> Limits:
        """Lowest and highest θ with a sum of squares up to ``threshold``; None where unbounded."""
        return self._squares.limits(best, threshold)

    def s_min_limits(self, best: float, threshold: float) -> Limits:
        """Lowest and highest S_min, in steps, of any fit with squares up to ``threshold``.

        With censored rows the squares count as a parabola over the level, of the curvature at its
        least. The lowest is None where S_min could be 0.
        """
        return self._extremes(best, threshold, examples=False)

    def e_min_limits(self, best: float, threshold: float) -> Limits:
        """The same of E_min, in examples."""
        return self._extremes(best, threshold, examples=True)

    def _extremes(self, best: float, threshold: float, *, examples: bool) -> Limits:
        theta_low, theta_high = self.limits(best, threshold)
        open_ended = (theta_low if examples else theta_high) is None

        def outermost(side: int) -> float:
            """Log of the extreme on a side, on the grid first and then beside its best point."""

            def edge(theta: NDArray[np.float64], profile: Profile) -> NDArray[np.float64]:
                room = np.maximum(threshold - profile.squares, 0.0)
                edge = profile.level + side * np.sqrt(room / profile.curvature)
                if self._linear:
                    edge = np.log(np.maximum(edge, _NOTHING))
                inside = profile.squares <= threshold
                return np.where(inside, side * (edge + examples * theta), -_OUTSIDE)

            def at(theta: float) -> float:
                one = np.array([theta])
                return float(edge(one, self._profile(one))[0])

            on_grid = edge(self._grid, self._curve)
            place = int(np.argmax(on_grid))
            narrow = best - 1e-3, best + 1e-3  # limits between two grid points
            found = optimize.minimize_scalar(
                lambda theta: -at(theta),
                bounds=self._squares.around(place) if on_grid[place] > -_OUTSIDE else narrow,
                method="bounded", options={"xatol": 1e-7},
            )  # fmt: skip
            return side * max(float(on_grid[place]), -float(found.fun), at(best))

        low = None if open_ended else outermost(-1)
        return None if low is None or low < _LOWEST else math.exp(low), math.exp(outermost(1))

    def _gaps(self, theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Slope and rest [T, n] of a fit that is slope × level away from the rest."""
        curve = np.logaddexp(0, theta[:, None] - self._size)
        if self._linear:
            return np.exp(curve), np.broadcast_to(self._steps, curve.shape)
        return np.ones_like(curve), self._steps - curve

    def _profile(self, theta: NDArray[np.float64]) -> Profile:
        slope, rest = self._gaps(theta)
        seen = ~self._censored
        curvature = np.sum(slope[:, seen] ** 2, axis=1)
        level = np.sum(slope[:, seen] * rest[:, seen], axis=1) / curvature
        if np.any(self._censored):
            level, curvature = self._raised(level, slope, rest)
        left = rest - slope * level[:, None]
        squares = np.sum(left[:, seen] ** 2, axis=1)
        beyond = special.log_ndtr(-left[:, self._censored] / self._spread)
        return Profile(level, squares - 2 * self._spread**2 * np.sum(beyond, axis=1), curvature)

    def _raised(
        self, level: NDArray[np.float64], slope: NDArray[np.float64], rest: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Level and curvature with the censored rows, which pull the level up, by Newton's method.

        The slope of the squares rises and is concave in the level, so that from below, where the
        reached rows alone put it, no step overshoots.
        """
        seen, curvature = ~self._censored, np.ones_like(level)
        for _ in range(_NEWTON):
            left = rest - slope * level[:, None]
            beyond, weight = left[:, ~seen] / self._spread, slope[:, ~seen]
            hazard = _hazard(beyond)
            pull = np.sum(slope[:, seen] * left[:, seen], axis=1)
            pull += self._spread * np.sum(weight * hazard, axis=1)
            curvature = np.sum(slope[:, seen] ** 2, axis=1)
            bend = np.where(beyond > _FAR, 1.0, hazard * (hazard - beyond))
            curvature += np.sum(weight**2 * bend, axis=1)
            level = level + pull / curvature
            if np.all(np.abs(pull) <= _SETTLED * self._spread * np.sqrt(curvature)):
                break
        return level, curvature


def _hazard(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """φ(z) / (1 − Φ(z)) of the normal distribution, without under- or overflow."""
    return math.sqrt(2 / math.pi) / special.erfcx(z / math.sqrt(2))

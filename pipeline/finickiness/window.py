"""F1, the window: how many decades of learning rate train nearly as fast as the best."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.finickiness.grid import GridCurve

__all__ = ["Width", "Window", "width", "window"]

_STEEPEST: Final = math.log2(10)  # octaves of steps per decade of learning rate, steps ∝ 1/η


@dataclass(frozen=True)
class Window:
    """The window of one cell, or the mean window of a model's cells.

    Attributes:
        decades: Its width in decades of learning rate, with the interval over replicates.
        bound: ``lower`` where it may reach beyond the learning rates or the budget tried.
        resolved: Whether ``decades`` is more than the grid and the replicates can blur.
        reason: Why not; empty where it is.
    """

    decades: Interval
    bound: Literal["lower"] | None
    resolved: bool
    reason: str


class Width(NamedTuple):
    """Decades of one replicate, and whether they may go on beyond what was tried."""

    decades: float
    open: bool


def window(curves: Sequence[GridCurve], factor: float, confidence: float) -> Window:
    """Decades of learning rate within ``factor`` of the best steps, F1.

    Per replicate, log2 steps are interpolated linearly in log η between grid points, and the
    measure of {η: S(η) ≤ factor · min S} is taken. Towards a point that did not reach the goal,
    diverged or cut short beyond the limit, the edge is put half way, for it lies somewhere between
    and the grids of replicates are shifted. Where the point above a replicate's best is such a one,
    steps are taken to fall on to the edge as they fell to the best, by 1/η at most, or the minimum
    of a coarse grid would be too high and the window too wide. The window is a lower bound where
    it holds the lowest or highest rate tried, or a trial whose budget ended within ``factor``. A
    batch size's window is the mean over replicates, which are independent, with a Student
    interval; a model's, the mean over replicates of its mean over batch sizes.

    It is resolved where it is at least as wide as the spacing of the grid and its lower limit is
    above 0: 1.2× is often less than single runs differ by. Source: docs/science.md, F1.

    Args:
        curves: Grid curves of one cell, or of all cells of a model.
        factor: Of the best steps, above 1.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The window; unresolved, with the reason, where there is none.
    """
    if reason := _unfit(curves):
        return Window(UNKNOWN, None, False, reason)
    widths = {(c.replicate, c.batch_size): width(c.rate, c.cost, c.reached, factor) for c in curves}
    means = [
        float(np.mean(sorted(w.decades for key, w in widths.items() if key[0] == replicate)))
        for replicate in sorted({c.replicate for c in curves})
    ]
    decades = mean_interval(np.array(means), confidence).map(lambda number: max(number, 0.0))
    assert decades.value is not None
    reason = _blurred(decades, float(np.mean(sorted(_spacing(c) for c in curves))))
    bound = "lower" if any(one.open for one in widths.values()) else None
    return Window(decades, bound, not reason, reason)


def _unfit(curves: Sequence[GridCurve]) -> str:
    if not curves:
        return "the sweep has no grid trials"
    if any(curve.joint for curve in curves):
        return "the design varies more than the learning rate"
    short = sum(not np.any(curve.reached) for curve in curves)
    if short:
        return f"no grid trial reached the goal in {short} of {len(curves)} replicates"
    if any(len(curve.rate) < 2 for curve in curves):
        return "a replicate has fewer than 2 grid trials"
    return ""


def _blurred(decades: Interval, spacing: float) -> str:
    if decades.low is None:
        return "one replicate gives no interval"
    if decades.value is not None and decades.value < spacing:
        return f"narrower than the grid's spacing of {spacing:.2g} decades"
    return "" if decades.low > 0 else "the interval reaches 0"


def _spacing(curve: GridCurve) -> float:
    return float((curve.rate[-1] - curve.rate[0]) / (len(curve.rate) - 1))


def width(
    rate: NDArray[np.float64],
    cost: NDArray[np.float64],
    reached: NDArray[np.bool_],
    factor: float,
) -> Width:
    """The window of one replicate, as `window` has it. Source: docs/science.md, F1.

    Args:
        rate: log10 of the learning rates [n], ascending, two at least.
        cost: log2 of steps to the goal [n]; where censored, of the last step, which it exceeds;
            infinite where diverged.
        reached: Whether the goal was reached [n], at one rate at least.
        factor: Of the fewest steps, above 1.

    Returns:
        The width.
    """
    octaves = math.log2(factor)
    rate, cost, reached = _up_to_the_edge(rate, cost, reached, octaves)
    limit = float(np.min(cost[reached])) + octaves
    inside = reached & (cost <= limit)
    cut_short = ~reached & (cost <= limit)
    decades = float(np.sum(np.diff(rate) * _share(cost, reached, inside, limit)))
    return Width(decades, bool(inside[0] or inside[-1] or np.any(cut_short)))


def _up_to_the_edge(
    rate: NDArray[np.float64],
    cost: NDArray[np.float64],
    reached: NDArray[np.bool_],
    octaves: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """The points, with the edge above the best where that is where they end.

    The edge is two points at one rate, half way to the rate that fell short: the fewest steps, as
    the fall between the two best has it, and none.
    """
    best = int(np.argmin(np.where(reached, cost, np.inf)))
    if best in {0, len(rate) - 1} or reached[best + 1] or not reached[best - 1]:
        return rate, cost, reached
    if cost[best + 1] <= cost[best] + octaves:  # its budget ended before it could tell
        return rate, cost, reached
    half = float(rate[best + 1] - rate[best]) / 2
    fall = float((cost[best - 1] - cost[best]) / (rate[best] - rate[best - 1]))
    fewest = float(cost[best]) - half * min(fall, _STEEPEST)
    return (
        np.insert(rate, best + 1, [rate[best] + half] * 2),
        np.insert(cost, best + 1, [fewest, np.inf]),
        np.insert(reached, best + 1, [True, False]),
    )


def _share(
    cost: NDArray[np.float64],
    reached: NDArray[np.bool_],
    inside: NDArray[np.bool_],
    limit: float,
) -> NDArray[np.float64]:
    """Part of every gap between neighbours that lies within ``limit`` [n − 1]."""
    left, right = inside[:-1], inside[1:]
    within = np.where(left, cost[:-1], cost[1:])
    beyond = np.where(left, cost[1:], cost[:-1])
    with np.errstate(all="ignore"):  # of gaps that are not used below
        crossing = (limit - within) / (beyond - within)
    # A trial cut short within the limit says nothing of its gap; one beyond it, half of it.
    crossing = np.where(np.where(left, reached[1:], reached[:-1]), crossing, 0.5)
    crossing = np.where(beyond <= limit, 0.0, crossing)
    return np.where(left & right, 1.0, np.where(left ^ right, crossing, 0.0))

"""F1 of the selftest: decades of learning rate within a factor of the best steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decades"]


def decades(rates: NDArray[np.float64], steps: NDArray[np.float64], factor: float) -> float:
    """Width of the window of one run of every learning rate: one replicate.

    Log steps are interpolated linearly in log η; towards a rate that did not reach the goal the
    edge is put half way. Source: docs/science.md, F1.

    Args:
        rates: η [K], increasing.
        steps: To the goal [K]; NaN where it was not reached.
        factor: Of the fewest steps, above 1.

    Returns:
        Decades. NaN where the goal was never reached.
    """
    x, cost = np.log10(rates), np.log2(steps)
    if not np.any(np.isfinite(cost)):
        return float("nan")
    limit = np.nanmin(cost) + np.log2(factor)
    inside = cost <= limit  # NaN is outside
    left, right = inside[:-1], inside[1:]
    within, beyond = np.where(left, cost[:-1], cost[1:]), np.where(left, cost[1:], cost[:-1])
    with np.errstate(invalid="ignore", divide="ignore"):
        crossing = (limit - within) / (beyond - within)
    crossing = np.where(np.isfinite(beyond), crossing, 0.5)
    share = np.where(left & right, 1.0, np.where(left ^ right, crossing, 0.0))
    return float(np.sum(np.diff(x) * share))

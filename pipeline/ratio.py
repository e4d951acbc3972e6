"""A ratio of two means over replicates, with Fieller's interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, t_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ratio_of_means"]


def ratio_of_means(
    numerators: NDArray[np.float64], denominators: NDArray[np.float64], confidence: float
) -> Interval:
    """Mean numerator over mean denominator, of a ratio that is known not to be negative.

    The means are taken first: a mean of ratios would be biased, and a denominator near 0 would
    rule it. The interval is all r ≥ 0 for which the mean of n − r·d does not differ from 0 at the
    level, exact for normal pairs. Source: Fieller 1954, "Some problems in interval estimation".

    Args:
        numerators: Finite values n of independent replicates [R].
        denominators: Values d of the same replicates [R].
        confidence: Level of the interval, in (0, 1).

    Returns:
        The ratio, None where the mean denominator is not positive. ``high`` is None where a mean
        denominator of 0 cannot be excluded; ``low`` may then still be known. No limits for a
        single replicate.
    """
    if not len(numerators):
        return UNKNOWN
    order = np.lexsort((numerators, denominators))  # no digit depends on the order of the rows
    pairs = np.stack([numerators[order], denominators[order]])
    above, below = (float(mean) for mean in pairs.mean(axis=1))
    value = above / below if below > 0 else None
    if pairs.shape[1] < 2:
        return Interval(value)
    low, high = _limits(above, below, np.cov(pairs) / pairs.shape[1], confidence, pairs.shape[1])
    if value is not None:
        low = None if low is None else min(low, value)
        high = None if high is None else max(high, value)
    return Interval(value, low, high)


def _limits(
    above: float, below: float, covariance: NDArray[np.float64], confidence: float, replicates: int
) -> tuple[float | None, float | None]:
    """The part at or above 0 of all r with (above − r·below)² ≤ t²·Var(above − r·below)."""
    threshold = t_quantile(confidence, replicates - 1) ** 2
    square = below**2 - threshold * float(covariance[1, 1])
    half = above * below - threshold * float(covariance[0, 1])
    constant = above**2 - threshold * float(covariance[0, 0])
    discriminant = half**2 - square * constant
    if square > 0:
        if below <= 0:
            return None, None  # significantly negative: no ratio at or above 0 fits
        root = math.sqrt(max(discriminant, 0.0))
        return max((half - root) / square, 0.0), (half + root) / square
    if constant <= 0 or square == 0:
        return None, None
    return (half - math.sqrt(discriminant)) / square, None  # the roots have opposite signs

"""How small a difference replicates can show, and how many replicates a difference needs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import optimize, stats

from pipeline.paired_test import reach

__all__ = ["MOST", "detectable", "power", "replicates_needed"]

MOST: Final = 1_000
"""Replicates beyond which nobody goes."""

_DRAWS: Final = 400


def power(
    difference: float, deviation: float, noise: float, replicates: int, level: float
) -> float:
    """Chance that the two-sided `pipeline.paired_test.PairedTest` finds a mean difference.

    Args:
        difference: In any unit, at least 0.
        deviation: Its standard deviation between replicates, in the same unit; not 0 if noise is.
        noise: Standard deviation of what all replicates share and no number of them removes.
        replicates: Pairs, at least 2.
        level: Of the test, in (0, 1).

    Returns:
        A probability, averaged over what s may come out as; without noise that of the noncentral t
        distribution. Source: Lehmann & Romano 2005, "Testing Statistical Hypotheses", section 5.2.
    """
    unit = math.hypot(deviation / math.sqrt(replicates), noise)
    shares = stats.chi2.ppf((np.arange(_DRAWS) + 0.5) / _DRAWS, replicates - 1) / (replicates - 1)
    half = reach(deviation * np.sqrt(shares), noise, replicates, level)
    found = stats.norm.sf((half - difference) / unit) + stats.norm.cdf((-half - difference) / unit)
    return float(np.mean(found))


def detectable(
    deviation: float, noise: float, replicates: int, level: float, wanted: float
) -> float:
    """Smallest mean difference found with the power wanted.

    Args:
        deviation: Standard deviation of a difference between replicates, in its unit.
        noise: As for `power`.
        replicates: Pairs, at least 2.
        level: Of the test, in (0, 1).
        wanted: Power, in (level, 1).

    Returns:
        The difference in the unit of ``deviation``; 0 where nothing varies.
    """
    unit = math.hypot(deviation / math.sqrt(replicates), noise)
    if unit == 0:
        return 0.0

    def short(errors: float) -> float:
        return power(errors * unit, deviation, noise, replicates, level) - wanted

    most = 1.0
    while short(most) < 0:
        most *= 2
    return float(optimize.brentq(short, 0, most)) * unit


def replicates_needed(
    difference: float, deviation: float, noise: float, level: float, wanted: float
) -> int | None:
    """Fewest replicates that find a mean difference with the power wanted.

    Args:
        difference: In any unit.
        deviation: Its standard deviation between replicates, in the same unit.
        noise: As for `power`.
        level: Of the test, in (0, 1).
        wanted: Power, in (level, 1).

    Returns:
        At least 2; None where `MOST` are too few.
    """
    if difference == 0:
        return None
    if deviation == 0 and noise == 0:
        return 2

    def short(replicates: int) -> bool:
        return power(abs(difference), deviation, noise, replicates, level) < wanted

    if short(MOST):
        return None
    low, high = 1, MOST  # too few, enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if short(middle) else (low, middle)
    return high

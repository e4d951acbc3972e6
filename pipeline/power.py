"""How small a difference replicates can show, and how many replicates a difference needs."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from scipy import optimize, stats

__all__ = ["MOST", "detectable", "power", "replicates_needed"]

MOST: Final = 10_000
"""Replicates beyond which nobody goes."""


def power(effect: float, replicates: int, level: float) -> float:
    """Chance that a two-sided paired t test finds a difference.

    Args:
        effect: Mean difference over its standard deviation between replicates, at least 0.
        replicates: Pairs, at least 2.
        level: Of the test, in (0, 1).

    Returns:
        A probability. Source: the noncentral t distribution, Lehmann & Romano 2005, "Testing
        Statistical Hypotheses", section 5.2.
    """
    dof = replicates - 1
    critical = float(stats.t.isf(level / 2, dof))
    centre = effect * math.sqrt(replicates)
    # A normal deviate over a chi: summed over the chi, which does not break down far out.
    chi = np.sqrt(stats.chi2.ppf((np.arange(2000) + 0.5) / 2000, dof) / dof)
    found = stats.norm.sf(critical * chi - centre) + stats.norm.cdf(-critical * chi - centre)
    return float(np.mean(found))


def detectable(deviation: float, replicates: int, level: float, wanted: float) -> float | None:
    """Smallest mean difference found with the power wanted.

    Args:
        deviation: Standard deviation of a difference between replicates, in its unit.
        replicates: Pairs.
        level: Of the test, in (0, 1).
        wanted: Power, in (level, 1).

    Returns:
        The difference in the unit of ``deviation``; None for fewer than 2 replicates.
    """
    if replicates < 2:
        return None
    most = 1.0
    while power(most, replicates, level) < wanted:
        most *= 2
    effect = optimize.brentq(lambda x: power(x, replicates, level) - wanted, 0, most)
    return float(effect) * deviation


def replicates_needed(
    difference: float, deviation: float, level: float, wanted: float
) -> int | None:
    """Fewest replicates that find a mean difference with the power wanted.

    Args:
        difference: In any unit.
        deviation: Its standard deviation between replicates, in the same unit.
        level: Of the test, in (0, 1).
        wanted: Power, in (level, 1).

    Returns:
        At least 2; None where `MOST` are too few.
    """
    if deviation == 0:
        return 2 if difference else None
    effect = abs(difference) / deviation
    if power(effect, MOST, level) < wanted:
        return None
    low, high = 1, MOST  # too few, enough
    while high - low > 1:
        middle = (low + high) // 2
        if power(effect, middle, level) < wanted:
            low = middle
        else:
            high = middle
    return high

"""A number with its confidence limits, and the few ways to get them from independent replicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["UNKNOWN", "Interval", "lower_limit_of_median", "mean_interval", "t_quantile"]


@dataclass(frozen=True)
class Interval:
    """An estimate and its limits, all in one unit; None where the data do not give one."""

    value: float | None = None
    low: float | None = None
    high: float | None = None

    def map(self, transform: Callable[[float], float]) -> Interval:
        """Apply an increasing ``transform`` to value and limits, None staying None."""
        parts = (self.value, self.low, self.high)
        return Interval(*(None if part is None else transform(part) for part in parts))


UNKNOWN: Final = Interval()


def t_quantile(confidence: float, dof: float) -> float:
    """Two-sided Student quantile t with P(−t ≤ T ≤ t) = ``confidence``.

    Its square is the quantile of F(1, dof).

    Args:
        confidence: Level of the interval, in (0, 1).
        dof: Degrees of freedom, at least 1.

    Returns:
        The quantile, positive. Source: Student 1908, "The probable error of a mean".
    """
    return float(special.stdtrit(dof, (1 + confidence) / 2))


def mean_interval(
    values: NDArray[np.float64], confidence: float, *, counted: bool = False
) -> Interval:
    """Mean with its Student interval, x̄ ± t·s/√n with n − 1 degrees of freedom.

    Args:
        values: Finite values of independent replicates [n], in any unit and any order.
        confidence: Level of the interval, in (0, 1).
        counted: Whether values come of counts: where all are equal, they scatter by less than one
            can count, and how much is not known.

    Returns:
        The mean; its limits are None for one replicate or counted values that are all equal, and
        all is None for none. Source: Student 1908, "The probable error of a mean".
    """
    if not len(values):
        return UNKNOWN
    ordered = np.sort(values)  # so that no digit depends on the order of the rows
    mean = float(np.mean(ordered))
    if len(ordered) == 1 or (counted and ordered[0] == ordered[-1]):
        return Interval(mean)
    spread = float(np.std(ordered, ddof=1)) / np.sqrt(len(ordered))
    reach = t_quantile(confidence, len(ordered) - 1) * spread
    return Interval(mean, float(mean - reach), float(mean + reach))


def lower_limit_of_median(values: NDArray[np.float64], confidence: float) -> float | None:
    """Lower confidence limit of the median without assuming a distribution.

    The k-th smallest of n values lies at or under the median with probability
    P(Bin(n, 1/2) ≥ k); the largest k whose probability is at least ``confidence`` is taken.
    Right-censored values may stand at their last observed time and never-reached ones at
    infinity: both only lower or keep the order statistics, so the limit stays valid.

    Args:
        values: Values of independent replicates [n]; infinity is allowed, NaN is not.
        confidence: One-sided level, in (0, 1).

    Returns:
        The limit; None where there are too few replicates for the level (fewer than 5 at 0.95) or
        the limit is infinite. Source: Conover 1999, "Practical Nonparametric Statistics", 3.2.
    """
    from scipy import stats  # takes a second to import, which those who don't need it are spared

    ranks = np.arange(1, len(values) + 1)
    holds = stats.binom.sf(ranks - 1, len(values), 0.5) >= confidence
    if not np.any(holds):
        return None
    limit = float(np.sort(values)[np.flatnonzero(holds)[-1]])
    return limit if np.isfinite(limit) else None

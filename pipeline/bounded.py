"""A number with limits, or with one bound where the measured batch sizes don't bracket it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["NOT_RESOLVED", "Bounded", "bounded", "from_draws"]


@dataclass(frozen=True)
class Bounded:
    """An estimate and what the data say of it, all in one unit.

    Attributes:
        value: The estimate; None where the data do not bracket it.
        low: Lower limit; None where there is none.
        high: Upper limit; None where there is none.
        bound: ``lower`` where only ``low`` is an answer, ``upper`` where only ``high`` is.
    """

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: Literal["lower", "upper"] | None = None

    @property
    def resolved(self) -> bool:
        """Whether there is an interval or a bound."""
        return self.low is not None or self.high is not None

    def map(self, transform: Callable[[float], float]) -> Bounded:
        """Apply an increasing ``transform`` to the numbers, None staying None."""
        parts = (self.value, self.low, self.high)
        value, low, high = (None if part is None else transform(part) for part in parts)
        return Bounded(value, low, high, self.bound)


NOT_RESOLVED: Final = Bounded()


def bounded(
    value: float, low: float | None, high: float | None, within: tuple[float, float]
) -> Bounded:
    """What an estimate and its limits say, given the range that estimates are believed in.

    An interval where the estimate lies within and has both limits; else the limit on the side of
    the measurements, which is that of a two-sided interval and so conservative as a bound. A bound
    that is chosen after the data are seen has to pay for the choice. Source: docs/science.md,
    estimand 4.

    Args:
        value: Estimate.
        low: Lower limit; None where the data give none.
        high: Upper limit; None where the data give none.
        within: Least and largest believed estimate, in the same unit.

    Returns:
        Interval, bound, or `NOT_RESOLVED`.
    """
    inside = within[0] <= value <= within[1]
    estimate = value if inside else None
    if inside and low is not None and high is not None:
        return Bounded(value, low, high)
    if low is not None and value >= within[0]:
        return Bounded(estimate, low, None, "lower")
    if high is not None and value <= within[1]:
        return Bounded(estimate, None, high, "upper")
    return NOT_RESOLVED


def from_draws(
    draws: NDArray[np.float64], confidence: float, within: tuple[float, float]
) -> Bounded:
    """Median and equal-tailed interval of draws, some of which may lie outside the measurements.

    Where all but a tail of the draws lie beyond an end of ``within``, that end is the bound.
    Quantiles are order statistics, since draws at infinity have no mean. Source: Hyndman & Fan
    1996, definition 1.

    Args:
        draws: Values of independent draws [D]; −∞ and ∞ say below and above ``within``.
        confidence: Level of the interval, in (0, 1).
        within: Range of the measurements, in the same unit.

    Returns:
        Interval, bound, or `NOT_RESOLVED`.
    """
    levels = [(1 - confidence) / 2, 0.5, (1 + confidence) / 2]
    low, middle, high = np.quantile(draws, levels, method="inverted_cdf").tolist()
    lower = None if low == -np.inf else min(low, within[1])
    upper = None if high == np.inf else max(high, within[0])
    return bounded(middle, lower, upper, within)

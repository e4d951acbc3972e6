"""The paired t test, also with noise that all pairs share, and Holm's correction over several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import stats

from pipeline.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PairedTest", "Step", "degrees", "holm"]

_MANY: Final = 1e6  # degrees of freedom that are as good as infinite


@dataclass(frozen=True)
class PairedTest:
    """Student's t test that a mean difference is 0.

    The mean's variance is s²/n + noise², read at Welch and Satterthwaite's degrees of freedom;
    without noise it is the ordinary paired test. Source: Student 1908; Satterthwaite 1946, "An
    approximate distribution of estimates of variance components".

    Attributes:
        mean: Mean difference.
        deviation: Standard deviation s of a difference between pairs.
        pairs: Their number n, at least 2.
        noise: Standard deviation of what all pairs share and no pair shows.
    """

    mean: float
    deviation: float
    pairs: int
    noise: float

    @classmethod
    def of(cls, differences: NDArray[np.float64], noise: float) -> PairedTest:
        """Of independent pairs [n], at least 2, in any order."""
        ordered = np.sort(differences)  # so that no digit depends on the order of the rows
        return cls(float(np.mean(ordered)), float(np.std(ordered, ddof=1)), len(differences), noise)

    @property
    def p_value(self) -> float:
        """Two-sided."""
        if self._error == 0:
            return 0.0 if self.mean else 1.0
        dof = degrees(self.deviation, self.noise, self.pairs)
        return 2 * float(stats.t.sf(abs(self.mean) / self._error, dof))

    def interval(self, confidence: float) -> Interval:
        """Mean difference with the interval that belongs to ``p_value``."""
        dof = degrees(self.deviation, self.noise, self.pairs)
        reach = float(stats.t.ppf((1 + confidence) / 2, dof)) * self._error
        return Interval(self.mean, self.mean - reach, self.mean + reach)

    @property
    def _error(self) -> float:
        return math.hypot(self.deviation / math.sqrt(self.pairs), self.noise)


class Step(NamedTuple):
    """What Holm's correction makes of one test.

    Attributes:
        p_value: Corrected; at most the level of the family where the test rejects.
        left: Tests that its step still counts: its own level is that of the family over them.
    """

    p_value: float
    left: int


def degrees(deviation: float, noise: float, pairs: int) -> float:
    """Satterthwaite's degrees of freedom of s²/n + noise², noise taken as known.

    Args:
        deviation: Standard deviation s between pairs.
        noise: Standard deviation of what they share.
        pairs: Their number n, at least 2.

    Returns:
        n − 1 without noise, more with it.
    """
    if noise == 0:
        return pairs - 1
    if deviation == 0:
        return _MANY
    return min((pairs - 1) * (1 + pairs * (noise / deviation) ** 2) ** 2, _MANY)


def holm(p_values: Sequence[float]) -> list[Step]:
    """Correct p values so that any false rejection among all tests has the level's probability.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Args:
        p_values: Of all tests of the family, in any order.

    Returns:
        Steps in the same order.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    found: dict[int, Step] = {}
    least = 0.0
    for place, test in enumerate(order):
        left = len(p_values) - place
        least = max(least, min(1.0, left * p_values[test]))
        found[test] = Step(least, left)
    return [found[i] for i in range(len(p_values))]

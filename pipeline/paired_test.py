"""The paired t test, also with noise that all pairs share, and Holm's correction over several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from scipy import optimize, special

from pipeline.intervals import Interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["PairedTest", "Step", "holm", "reach"]

_LEAST: Final = math.log(1e-12)  # of p, beyond which quantiles are inexact


@dataclass(frozen=True)
class PairedTest:
    """Student's t test that a mean difference is 0, though pairs share a noise of known size.

    Limits lie (v·t + w·z)/√(v + w) off the mean, where v = s²/n and w = noise² are the variances
    and t and z the quantiles of Student's distribution of n − 1 degrees of freedom and of the
    normal one: the quantiles' mean weighted by variance, times the root of both together. Without
    noise it is the ordinary paired test. At a level of 5 % it rejects 2.9 to 5.0 % with three
    pairs and 3.7 to 5.0 % with five, whatever the two sizes; at one of 0.5 %, which is Holm's first
    for ten pairs of models, 0.1 to 0.7 % and 0.2 to 0.5 %. (Satterthwaite's degrees of freedom,
    which s enters twice, are too many where s happens to be small: 7.8 % at three pairs and a noise
    of 0.3 deviations over √n; √(v·t² + w·z²), Banerjee 1960, goes down to 2.3 and 3.5 %.) Source:
    Student 1908; Cochran 1964, "Approximate significance levels of the Behrens-Fisher test",
    Biometrics 20, 191-195.

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
        if self.mean == 0:
            return 1.0
        if self.deviation == 0 and self.noise == 0:
            return 0.0

        def over(log_level: float) -> float:
            half = reach(self.deviation, self.noise, self.pairs, math.exp(log_level))
            return float(half) - distance

        distance = abs(self.mean)
        if over(_LEAST) < 0:
            return math.exp(_LEAST)
        return math.exp(float(optimize.brentq(over, _LEAST, 0.0, xtol=1e-10)))

    def interval(self, confidence: float) -> Interval:
        """Mean difference with the interval that belongs to ``p_value``."""
        half = float(reach(self.deviation, self.noise, self.pairs, 1 - confidence))
        return Interval(self.mean, self.mean - half, self.mean + half)


class Step(NamedTuple):
    """What Holm's correction makes of one test.

    Attributes:
        p_value: Corrected; at most the level of the family where the test rejects.
        left: Tests that its step still counts: its own level is that of the family over them.
            Steps after the first that does not reject are not taken, and have that one's.
    """

    p_value: float
    left: int


def reach(
    deviation: float | NDArray[np.float64], noise: float, pairs: int, level: float
) -> NDArray[np.float64]:
    """How far limits lie off a mean difference.

    Args:
        deviation: Standard deviation s between pairs, or several [...].
        noise: Standard deviation of what they share.
        pairs: Their number n, at least 2.
        level: Of both tails together, in (0, 1].

    Returns:
        Half the width [...], in the unit of ``deviation``; the source is that of `PairedTest`.
    """
    t = -float(special.stdtrit(pairs - 1, level / 2))
    z = -float(special.ndtri(level / 2))
    own = np.square(deviation) / pairs
    both = np.maximum(own + noise**2, np.finfo(np.float64).tiny)
    return (own * t + noise**2 * z) / np.sqrt(both)


def holm(p_values: Sequence[float], level: float) -> list[Step]:
    """Correct p values so that any false rejection among all tests has the level's probability.

    Source: Holm 1979, "A simple sequentially rejective multiple test procedure".

    Args:
        p_values: Of all tests of the family, in any order.
        level: Of the family, in (0, 1).

    Returns:
        Steps in the same order.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    found: dict[int, Step] = {}
    least, stopped = 0.0, 0
    for place, test in enumerate(order):
        left = len(p_values) - place
        least = max(least, min(1.0, left * p_values[test]))
        if least > level:
            stopped = stopped or left
        found[test] = Step(least, stopped or left)
    return [found[i] for i in range(len(p_values))]

"""The paired t test, and Holm's correction over several of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Step", "holm", "paired_p_value"]


class Step(NamedTuple):
    """What Holm's correction makes of one test.

    Attributes:
        p_value: Corrected; at most the level of the family where the test rejects.
        left: Tests that its step still counts: its own level is that of the family over them.
    """

    p_value: float
    left: int


def paired_p_value(differences: NDArray[np.float64]) -> float | None:
    """Two-sided p value of Student's t test that the mean difference is 0.

    Args:
        differences: Of independent pairs [n].

    Returns:
        A probability; None for fewer than 2 pairs. Source: Student 1908.
    """
    if len(differences) < 2:
        return None
    ordered = np.sort(differences)  # so that no digit depends on the order of the rows
    mean, deviation = float(np.mean(ordered)), float(np.std(ordered, ddof=1))
    if deviation == 0:
        return 0.0 if mean else 1.0
    statistic = abs(mean) / deviation * math.sqrt(len(ordered))
    return 2 * float(stats.t.sf(statistic, len(ordered) - 1))


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

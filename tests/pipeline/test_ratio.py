from __future__ import annotations

import numpy as np
import pytest

from pipeline.intervals import Interval, mean_interval
from pipeline.ratio import ratio_of_means


def test_means_are_taken_before_the_quotient() -> None:
    found = ratio_of_means(np.array([8.0, 12.0]), np.array([1.0, 3.0]), 0.95)
    assert found.value == pytest.approx(10 / 2)


def test_a_known_denominator_leaves_students_interval() -> None:
    numerators = np.array([3.0, 5.0, 4.0, 7.0])
    found = ratio_of_means(numerators, np.full(4, 2.0), 0.9)
    expected = mean_interval(numerators / 2, 0.9)
    assert (found.value, found.low, found.high) == pytest.approx((
        expected.value,
        expected.low,
        expected.high,
    ))


def test_what_is_not_resolved_has_no_value_and_may_have_a_lower_limit() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(10, 0.1, size=8)
    around_zero = np.array([0.3, -0.4, 0.2, -0.2, 0.1, -0.3, 0.4, -0.2])
    assert around_zero.mean() < 0
    found = ratio_of_means(noise, around_zero, 0.95)
    assert found.value is None
    assert found.high is None
    assert found.low is not None
    assert found.low > 10
    assert ratio_of_means(noise, -np.abs(noise), 0.95) == Interval()
    assert ratio_of_means(noise[:1], np.array([2.0]), 0.95) == Interval(noise[0] / 2)
    assert ratio_of_means(noise[:0], noise[:0], 0.95) == Interval()


@pytest.mark.parametrize("replicates", [3, 5, 10])
@pytest.mark.parametrize("spread", [0.1, 0.6])
def test_intervals_cover(replicates: int, spread: float) -> None:
    """2,000 tables of normal pairs: 95 % within three standard errors of that share, 1.5 %."""
    rng = np.random.default_rng(replicates)
    truth, held = 50 / 1.0, 0
    for _ in range(2000):
        below = rng.normal(1.0, spread, size=replicates)
        above = rng.normal(50, 8, size=replicates) + 5 * (below - 1)
        found = ratio_of_means(above, below, 0.95)
        low = 0.0 if found.low is None else found.low
        high = np.inf if found.high is None else found.high
        known = found != Interval()
        held += known and low <= truth <= high
    assert abs(held / 2000 - 0.95) <= 0.015

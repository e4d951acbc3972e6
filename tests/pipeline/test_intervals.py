from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.intervals import (
    UNKNOWN,
    Interval,
    lower_limit_of_median,
    mean_interval,
    t_quantile,
)

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12)


def test_the_interval_of_a_mean_is_students_by_the_book() -> None:
    # Student's sleep data, drug 1 (R's `sleep`): t.test gives 0.75 and −0.5297804 to 2.0297804.
    hours = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    found = mean_interval(hours, 0.95)
    assert found.value == pytest.approx(0.75)
    assert (found.low, found.high) == pytest.approx((-0.5297804, 2.0297804), abs=1e-6)


def test_one_value_has_no_limits_and_none_has_no_mean() -> None:
    assert mean_interval(np.array([3.0]), 0.95) == Interval(3.0, None, None)
    assert mean_interval(np.array([]), 0.95) == UNKNOWN


@given(values=VALUES, seed=st.integers(0, 1000))
def test_the_order_of_values_moves_no_digit(values: list[float], seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(np.array(values))
    assert mean_interval(shuffled, 0.9) == mean_interval(np.array(values), 0.9)


@given(values=VALUES)
def test_more_confidence_is_a_wider_interval_around_the_same_mean(values: list[float]) -> None:
    narrow, wide = (mean_interval(np.array(values), level) for level in (0.8, 0.99))
    assert narrow.value == wide.value
    assert wide.low <= narrow.low <= narrow.value <= narrow.high <= wide.high


@pytest.mark.parametrize("dof", [1, 4, 24])
def test_the_square_of_t_is_f(dof: int) -> None:
    assert t_quantile(0.95, dof) ** 2 == pytest.approx(stats.f.ppf(0.95, 1, dof))


def test_mapping_keeps_what_is_unknown() -> None:
    assert Interval(0.0, None, math.log(2)).map(math.exp) == Interval(1.0, None, 2.0)


@pytest.mark.parametrize(
    ("count", "rank"),
    [(4, None), (5, 1), (8, 2), (20, 6)],  # Conover 1999, table of the binomial, p = 1/2
)
def test_the_limit_of_a_median_is_an_order_statistic(count: int, rank: int | None) -> None:
    found = lower_limit_of_median(np.arange(1.0, count + 1), 0.95)
    assert found == rank


def test_the_limit_of_a_median_takes_infinity_and_never_gives_it() -> None:
    assert lower_limit_of_median(np.array([7.0, *[np.inf] * 4]), 0.95) == 7
    assert lower_limit_of_median(np.full(5, np.inf), 0.95) is None
    assert lower_limit_of_median(np.array([]), 0.95) is None


def test_the_limit_of_a_median_covers() -> None:
    """At n = 8 the exact level is 1 − 9/256 = 0.965; 2,000 samples, standard error 0.4 %."""
    rng = np.random.default_rng(0)
    below = [lower_limit_of_median(rng.lognormal(size=8), 0.95) <= 1 for _ in range(2000)]
    low, high = stats.binom.interval(0.999, 2000, 1 - 9 / 256)
    assert low <= sum(below) <= high

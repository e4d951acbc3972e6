from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.preferred import preferred

R10 = [1, 1.25, 1.6, 2, 2.5, 3.15, 4, 5, 6.3, 8]


@given(rate=st.floats(1e-12, 1e12))
def test_the_preferred_number_is_the_nearest_in_the_series(rate: float) -> None:
    series = [float(f"{m}e{k}") for k in range(-14, 14) for m in R10]
    found = preferred(rate)
    assert found in series
    assert abs(math.log(found / rate)) == pytest.approx(
        min(abs(math.log(number / rate)) for number in series)
    )
    assert abs(math.log(found / rate)) <= math.log(1.6 / 1.25) / 2 + 1e-12  # the widest gap
    assert preferred(found) == found


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.0503, 0.05), (0.9, 1), (0.88, 0.8), (9.5, 10), (2.2e-4, 2e-4)]
)
def test_known_preferred_numbers(rate: float, expected: float) -> None:
    assert preferred(rate) == expected


@given(rate=st.floats(1e-12, 1e12), above=st.floats(1, 2))
def test_rounding_carries_no_rate_over_a_cliff(rate: float, above: float) -> None:
    found = preferred(rate, rate * above)
    assert found <= max(rate, rate * above)
    assert found == preferred(rate) or rate / 1.13 < found <= rate
    assert preferred(rate, rate / above) <= rate


def test_the_next_lower_number_is_of_a_finer_series() -> None:
    assert preferred(1.885, 1.9) == 1.8
    assert preferred(0.036896, 0.036896) == 0.0355
    assert preferred(1.885, 2.0) == 2.0
    assert preferred(1.885) == 2.0
    assert preferred(9.5, 9.5) == 9.0
    assert preferred(999999999999.998, 0.0) == 9e11


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, math.inf])
def test_what_is_no_learning_rate_has_no_preferred_number(rate: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        preferred(rate)

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.figures import Figure
from pipeline.figures.axes import log_domain, log_ticks
from pipeline.figures.palette import model_colour, model_shape
from pipeline.intervals import Interval
from pipeline.wording import number, percent, span


@given(st.floats(1e-7, 1e7), st.floats(2, 1e9))
def test_log_ticks_are_few_round_and_inside(low: float, ratio: float) -> None:
    ticks = log_ticks(low, low * ratio)
    assert 1 <= len(ticks) <= 13
    assert ticks == sorted(set(ticks))
    assert all(low <= tick <= low * ratio for tick in ticks)
    assert all(f"{tick:.0e}"[0] in "12357" for tick in ticks)


@given(st.lists(st.floats(1e-7, 1e7), min_size=1), st.floats(1.01, 2))
def test_log_domain_holds_all_values_and_at_least_an_octave(
    values: list[float], margin: float
) -> None:
    low, high = log_domain([*values, math.inf, math.nan, 0.0, -1.0], margin)
    assert low < min(values)
    assert max(values) < high
    assert high / low > 2


def test_no_two_of_64_models_look_alike() -> None:
    names = [f"model {i}" for i in range(64)]
    colours = model_colour(names).to_dict()["scale"]["range"]
    shapes = model_shape(names).to_dict()["scale"]["range"]
    assert len(set(zip(colours, shapes, strict=True))) == 64


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(30.04, 25.0, 1346.7), "30 (25 to 1,347)"),
        (Interval(0.03163, None, None), "0.0316 (interval not resolved)"),
        (Interval(None, 400.0, None), "at least 400"),
        (Interval(5.0, 4.0, None), "5 (at least 4)"),
        (Interval(5.0, None, 6.0), "5 (at most 6)"),
        (Interval(), "not resolved"),
    ],
)
def test_intervals_are_said_whole_or_not_at_all(interval: Interval, text: str) -> None:
    assert span(interval) == text


@given(st.floats(1e-9, 1e12))
def test_numbers_keep_three_digits_and_never_an_exponent(value: float) -> None:
    text = number(value)
    assert "e" not in text
    assert float(text.replace(",", "")) == pytest.approx(value, rel=6e-3)


def test_percent() -> None:
    assert percent(0.0421) == "4.2\u00a0%"


def test_a_figure_needs_either_a_chart_or_a_reason() -> None:
    with pytest.raises(ValueError, match="either a chart or a reason"):
        Figure("x", "X", "", "", "", None)

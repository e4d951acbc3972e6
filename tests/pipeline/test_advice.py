"""Advice: what is measured is passed on, what lies between follows a power law, and no more."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.advice import Setting, setting_at, settings_of
from pipeline.intervals import UNKNOWN, Interval

GOAL = 0.05


def cell(size: int, rate: float, steps: float | None, *, feasible: bool = True) -> dict[str, Any]:
    """A cell whose limits are a fifth off its values."""

    def limits(value: float | None) -> dict[str, float | None]:
        if value is None:
            return {"value": None, "low": 3.0, "high": None}
        return {"value": value, "low": value / 1.2, "high": value * 1.2}

    examples = None if steps is None else steps * size
    return {
        "batch_size": size,
        "feasible": feasible,
        "tuned_learning_rate": limits(rate) | {"edge": "", "method": "best", "confirmed": rate},
        "goals": [
            {
                "goal": 0.1,
                "steps": limits(1.0),
                "examples": limits(1.0),
                "reached": 1,
                "replicates": 5,
            },
            {
                "goal": GOAL,
                "steps": limits(steps),
                "examples": limits(examples),
                "reached": 5 if steps else 3,
                "replicates": 5,
            },
        ],
    }


def test_measured_settings_are_passed_on_in_order() -> None:
    cells = [cell(64, 0.4, 50), cell(4, 0.1, None), cell(16, 0.2, 90, feasible=False)]
    first, second = settings_of(cells, GOAL)
    assert (first.batch_size, second.batch_size) == (4, 64)
    assert first.steps == Interval(None, 3.0, None)
    assert (first.reached, first.replicates) == (3, 5)
    assert second.learning_rate == Interval(0.4, 0.4 / 1.2, 0.4 * 1.2)
    assert second.examples.value == 3200
    assert second.confirmed == 0.4


@given(
    exponent=st.floats(-1.5, 1.5),
    size=st.integers(5, 1023),
)
def test_a_power_law_is_met_exactly_in_between(exponent: float, size: int) -> None:
    def law(at: float) -> float:
        return 0.3 * at**exponent

    ends = settings_of([cell(4, law(4), 100.0), cell(1024, law(1024), 100.0)], GOAL)
    found = setting_at(ends, size)
    assert found.source == "interpolated"
    assert found.learning_rate.value == pytest.approx(law(size))
    assert found.learning_rate.high == pytest.approx(1.2 * law(size))
    assert found.steps.value == pytest.approx(100)
    assert found.examples.value == pytest.approx(100 * size)
    assert (found.confirmed, found.replicates) == (None, 0)


def test_what_a_neighbour_does_not_know_is_not_known_in_between() -> None:
    found = setting_at(settings_of([cell(4, 0.1, 80), cell(64, 0.4, None)], GOAL), 16)
    assert found.learning_rate.value == pytest.approx(math.sqrt(0.1 * 0.4))
    assert found.steps.value is None
    assert found.examples.value is None


@pytest.mark.parametrize("size", [1, 3, 65, 4096])
def test_outside_of_what_was_measured_there_are_no_numbers(size: int) -> None:
    measured = settings_of([cell(4, 0.1, 80), cell(64, 0.4, 20)], GOAL)
    found = setting_at(measured, size)
    assert found == Setting(size, "outside")
    assert found.learning_rate is UNKNOWN


def test_a_measured_size_is_not_interpolated() -> None:
    measured = settings_of([cell(4, 0.1, 80), cell(8, 0.9, 20), cell(64, 0.4, 20)], GOAL)
    assert setting_at(measured, 8) is measured[1]

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.finickiness.search_cost import chance, search_cost
from tests.pipeline.finickiness.curves import curve


@given(st.data())
def test_the_chance_is_the_share_of_all_draws(data: st.DataObject) -> None:
    points = data.draw(st.integers(1, 8))
    inside = data.draw(st.integers(0, points))
    drawn = data.draw(st.integers(1, points))
    draws = list(combinations(range(points), drawn))
    hits = sum(any(point < inside for point in draw) for draw in draws)
    assert chance(points, inside, drawn) == pytest.approx(hits / len(draws))


def test_a_quarter_of_twelve_points_takes_six_trials() -> None:
    """1 − C(9, 5)/C(12, 5) = 0.841, 1 − C(9, 6)/C(12, 6) = 0.909."""
    cost = [3.0, 3.26, 3.2] + [5.0] * 9
    made = search_cost([curve(range(12), cost)], 8.0, 0.95)
    assert made.share.value == 0.25
    assert made.trials.value == 6
    assert made.points == 12


def test_a_trial_short_of_the_goal_is_not_inside() -> None:
    made = search_cost([curve(range(4), [3, 3, 3, 3], unreached=[1, 2])], 8.0, 0.95)
    assert made.share.value == 0.5


def test_replicates_give_intervals_that_hold_the_value() -> None:
    curves = [curve(range(4), [0] * w + [9] * (4 - w), replicate=w) for w in (1, 2, 3)]
    made = search_cost(curves, 1.0, 0.95)
    assert made.share.low is not None and made.share.high is not None
    assert 0 <= made.share.low <= 0.5 <= made.share.high <= 1
    assert made.trials.low is not None and made.trials.value is not None
    assert made.trials.low <= made.trials.value


def test_no_point_inside_needs_no_number_of_trials() -> None:
    made = search_cost([curve(range(4), [9, 9, 9, 9], replicate=i) for i in range(2)], 1.0, 0.95)
    assert made.share.value == 0
    assert made.trials.value is None


def test_without_tuned_steps_or_trials_there_is_a_reason() -> None:
    assert "confirm" in search_cost([curve([0], [1])], None, 0.95).reason
    assert "no grid trials" in search_cost([], 8.0, 0.95).reason

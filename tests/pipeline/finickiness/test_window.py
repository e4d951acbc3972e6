from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.finickiness.grid import GridCurve
from pipeline.finickiness.window import window
from tests.pipeline.finickiness.curves import curve

GRID = np.linspace(-2, 1, 13)


def slow_measure(of: GridCurve, factor: float, points: int = 200_001) -> float:
    """Measure of {η: S(η) ≤ factor · min S} on a fine mesh, all points reached."""
    mesh = np.linspace(of.rate[0], of.rate[-1], points)
    inside = np.interp(mesh, of.rate, of.cost) <= of.cost.min() + math.log2(factor)
    return float(inside.mean() * (of.rate[-1] - of.rate[0]))


def test_a_parabola_in_log_has_the_window_of_its_formula() -> None:
    """log2 S = c x²: the window of a factor f is 2 √(log2 f / c) decades wide."""
    bend, found = 4.0, []
    for replicate in range(8):
        rate = np.linspace(-2, 2, 401) + replicate / 800
        found.append(curve(rate, bend * rate**2, replicate=replicate))
    for factor in (2.0, 1.2):
        made = window(found, factor, 0.95)
        assert made.decades.value == pytest.approx(
            2 * math.sqrt(math.log2(factor) / bend), rel=0.01
        )
        assert made.resolved
        assert made.bound is None


@given(st.lists(st.floats(0, 8), min_size=3, max_size=12))
def test_the_measure_is_that_of_a_fine_mesh(cost: list[float]) -> None:
    of = curve(np.linspace(0, 1, len(cost)).tolist(), cost)
    assert window([of], 2.0, 0.95).decades.value == pytest.approx(slow_measure(of, 2), abs=1e-3)


@pytest.mark.parametrize("unreached", [[], [3]], ids=["diverged", "cut short"])
def test_the_edge_towards_a_trial_that_fell_short_is_half_way(unreached: list[int]) -> None:
    of = curve([0, 1, 2, 3], [4, 2, 2.5, 9 if unreached else math.inf], unreached=unreached)
    # From the left 4 → 2 crosses 3 half way; then all of 1 to 2, and half of 2 to 3.
    assert window([of], 2.0, 0.95).decades.value == pytest.approx(0.5 + 1 + 0.5)


@pytest.mark.parametrize("factor", [2.0, 1.2])
@pytest.mark.parametrize("shift", np.linspace(0, 0.19, 5))
def test_steps_fall_on_to_an_edge_right_above_the_best(factor: float, shift: float) -> None:
    """S = 1/η up to a cliff: a window of log10 of the factor, wherever the grid's points lie."""
    rate = np.arange(-2, 1, 0.2) + shift
    cost = np.where(rate < 0.3, 20 - np.log2(10) * rate, np.inf)
    edge = (rate[np.isfinite(cost)][-1] + rate[np.isinf(cost)][0]) / 2
    found = window([curve(rate, cost)], factor, 0.95).decades.value
    assert found == pytest.approx(math.log10(factor))
    assert edge == pytest.approx(0.3, abs=0.1)


def test_no_fall_to_an_edge_is_steeper_than_the_inverse_of_the_rate() -> None:
    of = curve([0, 1, 2], [9, 2, math.inf])
    # 7 octaves in the first decade; by 1/η only log2(10) / 2 in the half decade to the edge.
    assert window([of], 2.0, 0.95).decades.value == pytest.approx(math.log10(2))


def test_a_budget_that_ended_within_the_window_is_no_edge() -> None:
    made = window([curve([0, 1, 2], [4, 2, 2.5], unreached=[2])], 2.0, 0.95)
    assert made.decades.value == pytest.approx(0.5)
    assert made.bound == "lower"


@pytest.mark.parametrize(
    "cost", [[2, 2.5, 9], [9, 2.5, 2], [9, 2, 2.5]], ids=["lowest", "highest", "inside"]
)
def test_a_window_that_reaches_the_end_of_the_grid_is_a_bound(cost: list[float]) -> None:
    assert window([curve([0, 1, 2], cost)], 2.0, 0.95).bound == "lower"


def test_a_trial_cut_short_within_the_window_makes_it_a_bound() -> None:
    made = window([curve([0, 1, 2, 3], [9, 2, 2.5, 9], unreached=[2])], 2.0, 0.95)
    assert made.bound == "lower"
    assert made.decades.value == pytest.approx(1 / 7)


def test_one_replicate_and_noise_are_not_resolved() -> None:
    assert "one replicate" in window([curve([0, 1, 2], [4, 2, 4])], 2.0, 0.95).reason
    narrow = [curve([0, 1, 2], [9, 0, 9 + i], replicate=i) for i in range(3)]
    assert "spacing" in window(narrow, 1.2, 0.95).reason
    torn = [curve([0, 1, 2, 3, 4], c, replicate=i) for i, c in
            enumerate([[9, 0, 0, 0, 9], [9, 9, 0, 9, 9]])]  # fmt: skip
    made = window(torn, 2.0, 0.95)
    assert made.reason == "the interval reaches 0"
    assert made.decades.low == 0
    assert not made.resolved


def test_replicates_without_the_goal_and_joint_designs_have_no_window() -> None:
    never = curve([0, 1], [5, 5], unreached=[0, 1])
    assert window([never, curve([0, 1], [5, 2], replicate=1)], 2, 0.95).decades.value is None
    assert "1 of 2" in window([never, curve([0, 1], [5, 2], replicate=1)], 2, 0.95).reason
    assert "more than the learning rate" in window([curve([0], [1], joint=True)], 2, 0.95).reason
    assert window([], 2, 0.95).reason == "the sweep has no grid trials"


def test_a_model_is_the_mean_of_its_batch_sizes_by_replicate() -> None:
    curves = [
        curve([0, 1, 2], [9, 0, 9], replicate=r, batch_size=b) for r in range(3) for b in (1, 4)
    ] + [curve([0, 1, 2, 3], [9, 0, 0, 9], replicate=r, batch_size=16) for r in range(3)]
    assert window(curves, 2.0, 0.95).decades.value == pytest.approx(2 / 9 + 1 / 3)


def test_intervals_cover_the_mean_window_of_noisy_parabolas() -> None:
    """200 studies of 5 replicates; 95 % intervals of a mean cover within its binomial band."""
    rng, covered, means = np.random.default_rng(1), 0, []
    studies = []
    for _ in range(200):
        curves = []
        for replicate in range(5):
            rate = GRID + rng.uniform(0, 0.25)
            cost = 4 * (rate + 0.5) ** 2 + rng.normal(0, 0.15, len(rate))
            curves.append(curve(rate, cost, replicate=replicate))
        studies.append(window(curves, 2.0, 0.95).decades)
        means.append(studies[-1].value)
    truth = float(np.mean([m for m in means if m is not None]))
    covered = sum(s.low <= truth <= s.high for s in studies if s.low and s.high)
    assert 182 <= covered <= 198  # P < 0.001 outside for 95 %
    # The formula's window is 1; noise in the minimum narrows it, by less than 10 %.
    assert truth == pytest.approx(1, abs=0.1)

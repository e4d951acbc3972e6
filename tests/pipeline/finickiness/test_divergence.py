from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pipeline.finickiness.divergence import diverged_share, divergence_edge
from tests.pipeline.finickiness.curves import curve

INF = math.inf


def test_the_share_is_counted_and_its_limits_hold_clopper_and_pearsons() -> None:
    curves = [curve(range(4), [3, 2, INF, INF], replicate=i) for i in range(3)]
    share = diverged_share(curves, 0.95)
    exact = stats.binomtest(6, 12).proportion_ci(0.95)
    assert share.value == 0.5
    assert (share.low, share.high) == (pytest.approx(exact.low), pytest.approx(exact.high))


def test_nothing_diverged_still_has_an_upper_limit() -> None:
    share = diverged_share([curve(range(12), [3] * 12)], 0.95)
    assert (share.value, share.low) == (0, 0)
    assert share.high == pytest.approx(1 - 0.025 ** (1 / 12))


def test_replicates_that_differ_widen_it() -> None:
    curves = [curve(range(4), [3] * (4 - w) + [INF] * w, replicate=w) for w in (0, 4)]
    share = diverged_share(curves, 0.95)
    assert (share.low, share.high) == (0, 1)


def test_a_trial_stuck_is_not_diverged() -> None:
    assert diverged_share([curve(range(2), [12, 12], unreached=[0, 1])], 0.95).value == 0


def test_the_edge_is_half_way_to_the_first_that_diverged() -> None:
    curves = [curve([i / 10, 1 + i / 10, 2], [3, INF, INF], replicate=i) for i in range(3)]
    edge = divergence_edge(curves, 0.95)
    assert edge is not None and edge.bound is None
    assert edge.rate.value == pytest.approx(10**0.6)


def test_shifted_grids_find_a_sharp_edge_on_average() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        rate = np.arange(8) * 0.3 + rng.uniform(0, 0.3)
        edge = divergence_edge([curve(rate, np.where(rate > 1.0, INF, 3.0))], 0.95)
        assert edge is not None and edge.rate.value is not None
        found.append(math.log10(edge.rate.value))
    error = 0.3 / math.sqrt(12) / math.sqrt(300)
    assert abs(np.mean(found) - 1.0) < 3 * error


def test_an_edge_outside_the_grid_is_a_bound() -> None:
    never = divergence_edge([curve([0, 1], [3, 3]), curve([0, 1.1], [3, INF])], 0.95)
    always = divergence_edge([curve([0, 1], [INF, INF]), curve([0.1, 1], [3, INF])], 0.95)
    assert never is not None and never.bound == "lower"
    assert never.rate.value == pytest.approx(10 ** ((1 + 0.55) / 2))
    assert always is not None and always.bound == "upper"
    assert always.rate.value == pytest.approx(10 ** ((0 + 0.55) / 2))
    assert divergence_edge([], 0.95) is None
    assert diverged_share([], 0.95).value is None


def test_a_bound_is_of_the_mean_over_replicates_and_not_of_the_one_that_gave_it() -> None:
    """Edges near 1 in two replicates: a third without one up to 4 does not lift the mean to 4."""
    two = [curve([-0.2, 0.06], [3, INF]), curve([-0.06, 0.16], [3, INF])]
    edge = divergence_edge([*two, curve([0, math.log10(4)], [3, 3])], 0.95)
    assert edge is not None and edge.bound == "lower"
    assert edge.rate.value == pytest.approx(10 ** ((-0.07 + 0.05 + math.log10(4)) / 3))
    assert (edge.rate.low, edge.rate.high) == (None, None)


def test_replicates_on_both_sides_bound_nothing() -> None:
    assert divergence_edge([curve([0, 1], [3, 3]), curve([0, 1], [INF, INF])], 0.95) is None

from __future__ import annotations

import math

import pytest

from pipeline.finickiness.transfer_matrix import transfer_matrix
from tests.pipeline.finickiness.curves import BUDGET, curve

INF = math.inf


def test_planted_parabolas_give_their_difference() -> None:
    """log2 S = 5 + 2 (x − x*)²: carrying x*₁ to batch size 4 costs 2 (x*₁ − x*₄)² octaves."""
    best = {1: -1.0, 4: -0.4, 16: 0.3}
    curves = [
        curve(
            [i / 100 - 2 for i in range(401)],
            [5 + 2 * (i / 100 - 2 - x) ** 2 for i in range(401)],
            batch_size=size,
            replicate=replicate,
        )
        for size, x in best.items()
        for replicate in range(2)
    ]
    made = transfer_matrix(curves, {size: 10**x for size, x in best.items()}, 0.95)
    assert len(made) == 6
    for one in made:
        assert one.regret.value == pytest.approx(
            2 * (best[one.origin] - best[one.to]) ** 2, abs=1e-3
        )
        assert one.bound is None


def test_a_rate_that_diverges_is_a_bound_at_the_budget() -> None:
    curves = [curve([-1, 0, 1], [3, 5, INF]), curve([-1, 0, 1], [6, 5, 4], batch_size=64)]
    made = transfer_matrix(curves, {16: 0.1, 64: 10.0}, 0.95)
    to_small = next(one for one in made if one.to == 16)
    assert (to_small.regret.value, to_small.bound) == (BUDGET - 3, "lower")


def test_outside_the_grid_or_short_of_the_goal_nothing_is_known() -> None:
    curves = [curve([-1, 0], [3, 5]), curve([-1, 0], [6, 5], unreached=[1], batch_size=64)]
    made = transfer_matrix(curves, {16: 0.1, 64: 1.0}, 0.95)
    assert next(one for one in made if one.to == 64).regret.value is None
    outside = transfer_matrix(curves, {16: 0.1, 64: 2.0}, 0.95)
    assert next(one for one in outside if one.to == 16).regret.value is None
    assert transfer_matrix([curve([0], [1], joint=True)], {1: 1, 4: 1}, 0.95) == ()

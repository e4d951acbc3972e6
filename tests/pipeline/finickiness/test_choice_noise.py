from __future__ import annotations

import numpy as np
import pytest

from pipeline.finickiness.choice_noise import choice_noise
from pipeline.finickiness.grid import GridCurve
from pipeline.intervals import Interval
from tests.pipeline.finickiness.curves import curve

MESH = np.linspace(-3, 3, 601)


def test_a_slope_turns_the_spread_of_the_carried_rate_into_regret() -> None:
    """log2 S = 8 + 2x: η_ref ± σ makes 2σ octaves (and rounding, a tenth of a decade, a little)."""
    curves = [curve(MESH, 8 + 2 * MESH, batch_size=4)]
    tuned = {4: Interval(1.0, 1.0, 1.0), 16: Interval(1.0, 10**-0.98, 10**0.98)}
    spread = choice_noise(curves, tuned, 16, [4], 0.95)
    assert spread == pytest.approx(2 * 0.5, rel=0.1)


def test_the_carried_rate_is_shared_and_the_tuned_ones_are_not() -> None:
    curves = [curve(MESH, 8 + 2 * MESH, batch_size=size) for size in (1, 4)]
    exact, wide = Interval(1.0, 1.0, 1.0), Interval(1.0, 10**-0.98, 10**0.98)
    shared = choice_noise(curves, {1: exact, 4: exact, 16: wide}, 16, [1, 4], 0.95)
    own = choice_noise(curves, {1: wide, 4: wide, 16: exact}, 16, [1, 4], 0.95)
    assert shared == pytest.approx(1.0, rel=0.1)
    assert own == pytest.approx(1.0 / 2**0.5, rel=0.1)


def test_a_flat_surface_and_pinned_rates_add_nothing() -> None:
    flat = [curve(MESH, 0 * MESH + 8, batch_size=4)]
    wide = {4: Interval(1.0, 0.1, 10.0), 16: Interval(1.0, 0.1, 10.0)}
    assert choice_noise(flat, wide, 16, [4], 0.95) == 0
    steep = [curve(MESH, 8 + MESH, batch_size=4)]
    assert choice_noise(steep, dict.fromkeys((4, 16), Interval(1.0, 1.0, 1.0)), 16, [4], 0.95) == 0


def test_what_is_not_known_is_none() -> None:
    curves = [curve(MESH, 8 + MESH, batch_size=4)]
    rate = Interval(1.0, 0.5, 2.0)
    assert choice_noise(curves, {4: rate}, 16, [4], 0.95) is None
    assert choice_noise(curves, {4: rate, 16: rate, 1: rate}, 16, [1], 0.95) is None
    assert choice_noise(curves, {4: rate, 16: rate}, 16, [], 0.95) is None
    joint = [curve(MESH, 8 + MESH, batch_size=4, joint=True)]
    assert choice_noise(joint, {4: rate, 16: rate}, 16, [4], 0.95) is None


def test_rates_that_would_keep_a_run_from_its_goal_are_not_drawn() -> None:
    """Above η = 1 nothing reached the goal: half the draws are left, with a cliff's cost unread."""
    beyond = [at for at, rate in enumerate(MESH.tolist()) if rate > 1e-9]
    cliff = np.where(MESH > 1e-9, 20.0, 8 + MESH)
    curves = [curve(MESH, cliff, unreached=beyond, batch_size=4)]
    wide, exact = Interval(1.0, 10**-0.98, 10**0.98), Interval(1.0, 1.0, 1.0)
    half = choice_noise(curves, {4: exact, 16: wide}, 16, [4], 0.95)
    assert half == pytest.approx(0.5 * (1 - 2 / np.pi) ** 0.5, rel=0.1)  # of a half-normal
    assert choice_noise(curves, {4: exact, 16: Interval(5.0, 5.0, 5.0)}, 16, [4], 0.95) is None


@pytest.mark.parametrize("regret", [1.0, 1.5, 2.0, 2.5, 3.0])
def test_a_race_that_cuts_the_surface_short_does_not_make_choices_certain(regret: float) -> None:
    """V-shaped, 3.32 octaves a decade: the carried rate lies around where a race of 4 stopped."""
    carried = 10 ** (-regret / 3.32)
    tuned = {4: Interval(1.0, 1.0, 1.0), 16: Interval(carried, carried / 1.6, carried * 1.6)}
    whole: list[GridCurve] = []
    short: list[GridCurve] = []
    for replicate in range(3):
        mesh = -2.5 + 0.29 * (np.arange(12) + replicate / 3)
        full = 3 + 3.32 * np.abs(mesh)
        limit = full.min() + 2
        stopped = np.flatnonzero(full > limit).tolist()
        cut = np.minimum(full, limit)
        whole.append(curve(mesh, full, replicate=replicate, batch_size=4))
        short.append(curve(mesh, cut, unreached=stopped, replicate=replicate, batch_size=4))
    expected = choice_noise(whole, tuned, 16, [4], 0.95)
    assert expected is not None
    assert expected > 0.3
    assert choice_noise(short, tuned, 16, [4], 0.95) == pytest.approx(expected, rel=0.25)


def test_a_trial_that_a_race_stopped_takes_at_least_the_steps_it_had_taken() -> None:
    """Two trials that reached the goal in like steps say nothing of how it goes on below them."""
    mesh = np.array([-0.5, 0.0, 0.5])
    tuned = {4: Interval(2.0, 2.0, 2.0), 16: Interval(0.5, 0.3, 1.4)}
    noise = [
        choice_noise(
            [curve(mesh, [last, 5.0, 5.0], unreached=[0], batch_size=4)], tuned, 16, [4], 0.95
        )
        for last in (5.0, 7.0)
    ]
    assert noise[0] == 0
    assert noise[1] is not None
    assert noise[1] > 0.3


def test_above_the_optimum_a_stopped_trial_counts_where_the_estimate_lies_beside_it() -> None:
    """Trials up there may be stuck; but where a rate was confirmed, runs did get to the goal."""
    mesh = np.array([-0.5, 0.0, 0.5])
    [cut] = [curve(mesh, [5.0, 5.0, 7.0], unreached=[2], batch_size=4)]
    own, far, near = Interval(0.5, 0.5, 0.5), Interval(1.2, 0.8, 3.0), Interval(2.0, 1.2, 3.0)
    assert choice_noise([cut], {4: own, 16: far}, 16, [4], 0.95) == 0
    beside = choice_noise([cut], {4: own, 16: near}, 16, [4], 0.95)
    assert beside is not None
    assert beside > 0.3


def test_rates_beyond_what_a_replicate_tried_are_not_read_off_its_last_trial() -> None:
    """Found by expansion, a decade below the box: the surface there is not known, not flat."""
    box = np.linspace(-1, 1, 13)
    curves = [curve(box, 8 + np.abs(3.32 * box), replicate=r, batch_size=4) for r in range(3)]
    low, inside = Interval(0.01, 0.006, 0.016), Interval(1.0, 0.6, 1.6)
    assert choice_noise(curves, {4: inside, 16: inside}, 16, [4], 0.95) is not None
    assert choice_noise(curves, {4: low, 16: inside}, 16, [4], 0.95) is None
    assert choice_noise(curves, {4: inside, 16: low}, 16, [4], 0.95) is None

from __future__ import annotations

import numpy as np
import pytest

from pipeline.finickiness.choice_noise import choice_noise
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

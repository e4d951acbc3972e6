from __future__ import annotations

import math

import numpy as np
import pytest

from pipeline.bounded import NOT_RESOLVED, Bounded, bounded, from_draws
from pipeline.shape_free import overhead20, slope_half
from pipeline.smooth_curve import smooth_slopes

SIZES = 2.0 ** np.arange(0, 14)
ENDS = (math.log(SIZES[0]), math.log(SIZES[-1]))


def slopes_of(steps: np.ndarray, replicates: int = 5, noise: float = 0.01) -> np.ndarray:
    """Drawn slopes for means that happen to be right, of replicates that differ by ``noise``."""
    dof = len(steps) * (replicates - 1)
    count = np.full(len(steps), replicates)
    return smooth_slopes(np.log(SIZES), np.log(steps), count, noise**2 * dof, dof)


@pytest.mark.parametrize("b_crit", [20.0, 100.0, 800.0])
def test_on_a_hyperbola_they_agree_with_it(b_crit: float) -> None:
    slopes = slopes_of(30 * (1 + b_crit / SIZES))
    half, over = slope_half(slopes, ENDS, 0.95), overhead20(slopes, ENDS, 0.95)
    assert math.exp(half.value) == pytest.approx(b_crit, rel=0.1)
    assert math.exp(over.value) == pytest.approx(b_crit / 5, rel=0.25)
    assert half.low < math.log(b_crit) < half.high
    assert over.low < math.log(b_crit / 5) < over.high


def test_on_another_shape_they_disagree_with_each_other_as_they_should() -> None:
    """S = √(1 + (100 / B)²): sharper, slope −1/2 at B = 100, 20 % more examples at 66.3."""
    slopes = slopes_of(30 * np.sqrt(1 + (100 / SIZES) ** 2))
    half, over = slope_half(slopes, ENDS, 0.95), overhead20(slopes, ENDS, 0.95)
    assert math.exp(half.value) == pytest.approx(100, rel=0.1)
    assert math.exp(over.value) == pytest.approx(100 * math.sqrt(1.2**2 - 1), rel=0.2)


def test_where_nothing_bends_there_is_a_bound() -> None:
    perfect = slopes_of(1e6 / SIZES)
    assert slope_half(perfect, ENDS, 0.95) == Bounded(
        None, pytest.approx(ENDS[1], abs=0.5), None, "lower"
    )
    flat = slopes_of(np.full(len(SIZES), 30.0))
    assert slope_half(flat, ENDS, 0.95) == Bounded(
        None, None, pytest.approx(ENDS[0], abs=0.5), "upper"
    )
    assert overhead20(flat, ENDS, 0.95).bound == "upper"


def test_more_noise_takes_wider_limits_and_the_same_data_give_the_same() -> None:
    steps = 30 * (1 + 100 / SIZES)
    widths = []
    for noise in (0.01, 0.1, 0.5):
        found = slope_half(slopes_of(steps, noise=noise), ENDS, 0.95)
        assert found == slope_half(slopes_of(steps, noise=noise), ENDS, 0.95)
        widths.append(found.high - found.low)
    assert widths == sorted(widths)


def test_slopes_only_rise_and_never_pass_zero() -> None:
    rng = np.random.default_rng(0)
    slopes = slopes_of(30 * np.exp(rng.normal(size=len(SIZES))), noise=1.0)
    assert np.all(np.diff(slopes, axis=1) >= 0)
    assert np.all(slopes <= 0)


def test_an_answer_needs_the_limit_on_the_side_of_the_measurements() -> None:
    assert bounded(2.0, 1.0, 3.0, (0.0, 9.0)) == Bounded(2.0, 1.0, 3.0, None)
    assert bounded(2.0, 1.0, None, (0.0, 9.0)) == Bounded(2.0, 1.0, None, "lower")
    assert bounded(-1.0, -2.0, 3.0, (0.0, 9.0)) == Bounded(None, None, 3.0, "upper")
    assert bounded(2.0, None, None, (0.0, 9.0)) == NOT_RESOLVED


def test_draws_beyond_the_measurements_leave_a_bound_at_their_end() -> None:
    draws = np.full(1000, np.inf)
    assert from_draws(draws, 0.95, (0.0, 9.0)) == Bounded(None, 9.0, None, "lower")
    assert from_draws(-draws, 0.95, (0.0, 9.0)) == Bounded(None, None, 0.0, "upper")
    assert from_draws(np.array([-np.inf, np.inf]), 0.95, (0.0, 9.0)) == NOT_RESOLVED
    assert from_draws(np.linspace(1, 2, 1001), 0.9, (0.0, 9.0)).value == pytest.approx(1.5)

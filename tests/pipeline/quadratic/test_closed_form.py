from __future__ import annotations

import numpy as np
import pytest

from pipeline.finickiness.window import width
from pipeline.quadratic.closed_form import NoisyQuadratic
from pipeline.quadratic.first_passage import first_passages, tuned_by_runs
from pipeline.quadratic.setting import selftest_settings

PROBLEM = NoisyQuadratic()
GOAL = 0.01 * PROBLEM.first_loss


def test_the_studys_goal_is_a_hundredth_of_the_first_loss() -> None:
    assert selftest_settings().sweep.goals.hardest == pytest.approx(GOAL, rel=1e-13)
    assert PROBLEM.first_loss == pytest.approx(2.5936887588)


@pytest.mark.parametrize(("batch_size", "rate"), [(1, 0.05), (64, 1.2), (4096, 1.9)])
def test_moments_are_those_of_the_recursion(batch_size: int, rate: float) -> None:
    """A slow twin: one step at a time, mean and variance of θ by their own recursions."""
    h = PROBLEM.curvature
    mean, variance = np.ones(100), np.zeros(100)
    for step in range(1, 41):
        mean, variance = (1 - rate * h) * mean, (1 - rate * h) ** 2 * variance
        variance += rate**2 * h / batch_size
        found = PROBLEM.moments(step, batch_size, rate)
        np.testing.assert_allclose(found, (mean, variance), rtol=1e-9, atol=1e-14)
    loss = np.sum(h * (mean**2 + variance)) / 2
    assert PROBLEM.expected_loss(40, batch_size, rate) == pytest.approx(loss)
    scale = h.sum() / np.sum(h**2 * (mean**2 + variance))
    assert PROBLEM.noise_scale(40, batch_size, rate) == pytest.approx(scale)


def test_steps_to_the_goal_are_the_first_at_which_the_loss_is_there() -> None:
    rates = np.geomspace(0.05, 1.99, 25)
    found = PROBLEM.steps_to(GOAL, 256, rates)
    reached = np.isfinite(found)
    assert 0 < reached.sum() < 25
    for rate, steps in zip(rates[reached], found[reached], strict=True):
        before, after = PROBLEM.expected_loss([np.floor(steps), np.ceil(steps)], 256, rate)
        assert before >= GOAL >= after
        assert before + (after - before) * (steps % 1) == pytest.approx(GOAL)
    beyond = PROBLEM.expected_loss(10**6, 256, rates[~reached & (rates < 2)])
    assert (beyond > GOAL).all()


def test_tuned_rate_and_window_agree_with_a_dense_scan() -> None:
    rates = np.geomspace(0.1, 1.999, 4001)
    steps = PROBLEM.steps_to(GOAL, 64, rates)
    best = PROBLEM.tuned(GOAL, 64)
    assert best.steps == pytest.approx(steps.min(), rel=1e-4)
    assert best.learning_rate == pytest.approx(rates[steps.argmin()], rel=0.01)
    inside = rates[steps <= 2 * best.steps]
    assert PROBLEM.window(GOAL, 64, 2.0) == pytest.approx((inside[0], inside[-1]), rel=2e-3)
    found = width(np.log10(rates), np.log2(steps), np.isfinite(steps), 2.0)
    assert found.decades == pytest.approx(np.log10(inside[-1] / inside[0]), abs=2e-3)


def test_a_goal_that_the_argument_does_not_hold_for_is_refused() -> None:
    with pytest.raises(ValueError, match=r"goal is 0.6; it must lie in"):
        PROBLEM.steps_to(0.6, 1, [0.1])


def exact_runs(batch_size: int, rates: np.ndarray, steps: int, runs: int) -> np.ndarray:
    """A slow twin: the data set's own rows, drawn one by one; losses [steps + 1, runs, K]."""
    random = np.random.default_rng(0)
    row, column = np.arange(128)[:, None], np.arange(1, 101)
    rows = 1.0 - 2 * (np.bitwise_count(row & column) % 2)
    theta = np.ones((runs, len(rates), 100))
    h = PROBLEM.curvature
    losses = [theta**2 @ h / 2]
    for _ in range(steps):
        x = rows[random.integers(128, size=(runs, batch_size))].mean(axis=1)
        gradient = h * theta + (np.sqrt(h) * x)[:, None]
        theta = theta - rates[:, None] * gradient
        losses.append(theta**2 @ h / 2)
    return np.array(losses)


def test_simulated_runs_have_the_law_of_the_data_sets_own_noise() -> None:
    """Mean log steps of 400 runs each way agree within 4 standard errors, at two rates at once."""
    rates, evaluated = np.array([0.15, 0.3]), list(range(0, 1601, 4))
    losses = exact_runs(16, rates, evaluated[-1], 400)
    first = np.argmax(losses[evaluated] <= GOAL, axis=0) * 4.0
    found = first_passages(PROBLEM, GOAL, 16, rates, evaluated, 400, seed=1)
    for k in range(2):
        both = first[:, k] > 0, ~np.isnan(found[:, k])
        assert all(part.mean() > 0.95 for part in both)
        left, right = np.log(first[both[0], k] - 2), np.log(found[both[1], k])
        error = np.hypot(left.std() / np.sqrt(len(left)), right.std() / np.sqrt(len(right)))
        assert abs(left.mean() - right.mean()) < 4 * error
    means = losses.mean(axis=1)[40]
    errors = losses.std(axis=1)[40] / 20
    np.testing.assert_array_less(np.abs(means - PROBLEM.expected_loss(40, 16, rates)), 4 * errors)
    np.testing.assert_allclose(
        losses.std(axis=1)[400], PROBLEM.deviation_of_loss(400, 16, rates), rtol=0.2
    )


def test_single_runs_cross_early_and_so_prefer_higher_rates() -> None:
    evaluated = [0, *np.unique(np.geomspace(1, 2000, 70).astype(int)).tolist()]
    tuned = tuned_by_runs(PROBLEM, GOAL, 16, evaluated, runs=400)
    best = PROBLEM.tuned(GOAL, 16)
    assert tuned.steps < 0.9 * best.steps
    assert tuned.learning_rate > 1.15 * best.learning_rate
    assert 0 < tuned.error < 0.1

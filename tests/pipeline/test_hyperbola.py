from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from pipeline.hyperbola import Hyperbola

SIZES = np.array([1, 4, 16, 64, 256, 1347])


def noisy(seed: int, replicates: int = 3) -> tuple[np.ndarray, np.ndarray]:
    size = np.repeat(SIZES, replicates)
    rng = np.random.default_rng(seed)
    return size, 30 * (1 + 60 / size) * np.exp(0.3 * rng.normal(size=len(size)))


@pytest.mark.parametrize("seed", range(5))
def test_a_slow_twin_finds_the_same_minimum(seed: int) -> None:
    """Both parameters at once, by scipy's Levenberg-Marquardt on McCandlish's eq. 2.11."""
    size, steps = noisy(seed)

    def log_steps(size: np.ndarray, log_s_min: float, theta: float) -> np.ndarray:
        return log_s_min + np.log(1 + np.exp(theta) / size)

    (log_s_min, theta), *_ = optimize.curve_fit(log_steps, size, np.log(steps), (3.0, 4.0))
    curve = Hyperbola(size, steps)
    assert curve.minimum() == pytest.approx(theta, abs=1e-5)
    assert curve.level(theta) == pytest.approx(log_s_min, abs=1e-5)
    residual = np.log(steps) - log_steps(size, log_s_min, theta)
    assert curve.at(theta) == pytest.approx(residual @ residual)


def test_limits_lie_where_the_profile_passes_the_threshold() -> None:
    curve = Hyperbola(*noisy(0))
    best = curve.minimum()
    threshold = curve.at(best) + 0.5
    low, high = curve.limits(best, threshold)
    assert low < best < high
    assert [curve.at(low), curve.at(high)] == pytest.approx([threshold] * 2, rel=1e-6)


def test_limits_are_unbounded_where_the_profile_never_passes_it() -> None:
    curve = Hyperbola(*noisy(0))
    best = curve.minimum()
    assert curve.limits(best, 1e6) == (None, None)
    flat = curve.at(np.log(SIZES[-1]) + 15)  # proportional to 1 / B
    low, high = curve.limits(best, flat + 1e-9)
    assert low is not None or high is not None


def test_pure_error_is_what_cell_means_leave() -> None:
    size, steps = noisy(1)
    squares, dof = Hyperbola(size, steps).pure()
    cells = np.log(steps).reshape(len(SIZES), 3)
    assert squares == pytest.approx(np.sum((cells - cells.mean(axis=1, keepdims=True)) ** 2))
    assert dof == 12

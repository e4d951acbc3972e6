from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from pipeline.rule_curves import CURVES
from pipeline.scaling_rules import RuleFit, ScalingRules, scaling_rules

SIZES = np.array([1, 4, 16, 64, 256, 1024, 4096])


def planted(rule: str, size: np.ndarray = SIZES) -> np.ndarray:
    return {
        "constant": 0.3 + 0 * size,
        "linear": 0.001 * size,
        "sqrt": 0.01 * np.sqrt(size),
        "power": 0.02 * size**0.3,
        "saturating": 0.8 / (1 + 50 / size),
        "surge": 0.8 / (0.5 * (np.sqrt(50 / size) + np.sqrt(size / 50))),
    }[rule]


def tuned(
    rate: np.ndarray, size: np.ndarray = SIZES, width: float | np.ndarray = 0.2, **columns: object
) -> pd.DataFrame:
    return pd.DataFrame({
        "batch_size": size,
        "learning_rate": rate,
        "low": rate * np.exp(-np.asarray(width) / 2),
        "high": rate * np.exp(np.asarray(width) / 2),
        "edge": "",
        "method": "quadratic",
        "momentum": 0.0,
    }).assign(**columns)


def fit(found: ScalingRules, rule: str) -> RuleFit:
    return next(one for one in found.fits if one.rule == rule)


def noisy(rule: str, seed: int, spread: float = 0.05) -> pd.DataFrame:
    noise = np.random.default_rng(seed).normal(0, spread, len(SIZES))
    return tuned(planted(rule) * np.exp(noise))


@pytest.mark.parametrize("rule", ["constant", "linear", "sqrt", "power", "saturating", "surge"])
def test_the_planted_rule_is_a_candidate_and_its_parameters_are_found(rule: str) -> None:
    found = scaling_rules(noisy(rule, 1), 0.95)
    assert rule in found.candidates
    one = fit(found, rule)
    truth = {"constant": 0.3, "linear": 0.001, "sqrt": 0.01, "power": 0.02}.get(rule, 0.8)
    assert one.level.value == pytest.approx(truth, rel=0.1)
    if rule in {"power", "saturating", "surge"}:
        assert one.shape.value == pytest.approx(0.3 if rule == "power" else 50, rel=0.3)
    weights = [one.weight for one in found.fits if one.weight is not None]
    assert sum(weights) == pytest.approx(1)


@pytest.mark.parametrize("rule", ["power", "saturating", "surge"])
def test_fit_and_aicc_are_those_of_a_plain_optimiser(rule: str) -> None:
    """Slow twin: weighted least squares by scipy from the planted start, AICc as written."""
    width = np.array([0.1, 0.3, 0.2, 0.5, 0.2, 0.4, 0.1])
    rate = planted(rule) * np.exp(np.random.default_rng(2).normal(0, 0.2, len(SIZES)))
    table = tuned(rate, width=width)
    one = fit(scaling_rules(table, 0.95), rule)
    weight = width**-2.0
    weight /= weight.mean()
    shape = CURVES[rule].shape

    def residual(theta: np.ndarray) -> np.ndarray:
        return np.sqrt(weight) * (np.log(rate) - theta[0] - shape(np.log(SIZES), theta[1]))

    start = [math.log(0.8), math.log(50)] if rule != "power" else [math.log(0.02), 0.3]
    slow = optimize.least_squares(residual, start)
    n, k = len(SIZES), 3
    aicc = n * math.log(2 * slow.cost / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    assert one.aicc == pytest.approx(aicc)
    assert one.level.value == pytest.approx(math.exp(slow.x[0]), rel=1e-4)
    value = slow.x[1] if rule == "power" else math.exp(slow.x[1])
    assert one.shape.value == pytest.approx(value, rel=1e-4)


def test_the_power_laws_interval_is_that_of_linear_regression() -> None:
    from scipy import stats

    table = noisy("power", 3, 0.2)
    one = fit(scaling_rules(table, 0.9), "power")
    line = stats.linregress(np.log(SIZES), np.log(table["learning_rate"]))
    reach = stats.t.ppf(0.95, len(SIZES) - 2) * line.stderr
    assert one.shape.low == pytest.approx(line.slope - reach)
    assert one.shape.high == pytest.approx(line.slope + reach)
    level = stats.t.ppf(0.95, len(SIZES) - 2) * line.intercept_stderr
    assert one.level.low == pytest.approx(math.exp(line.intercept - level), rel=1e-3)
    assert one.level.high == pytest.approx(math.exp(line.intercept + level), rel=1e-3)


def test_intervals_of_the_noise_batch_size_cover() -> None:
    """200 tables; F(1, n − p) profiles of a nonlinear parameter cover within the band of 95 %."""
    covered = 0
    for seed in range(200):
        shape = fit(scaling_rules(noisy("saturating", seed, 0.15), 0.95), "saturating").shape
        covered += (shape.low or 0) <= 50 <= (shape.high or math.inf)
    assert 179 <= covered <= 199  # P < 0.001 outside


def test_a_clear_rule_is_best_and_a_close_race_is_not_resolved() -> None:
    clear = scaling_rules(noisy("saturating", 0, 0.02), 0.95)
    assert (clear.best, clear.reason) == ("saturating", "")
    assert fit(clear, "saturating").delta == 0
    close = scaling_rules(noisy("saturating", 2, 1.5), 0.95)
    assert close.best is None
    assert "within 2" in close.reason


@pytest.mark.parametrize("points", [3, 4])
def test_too_few_batch_sizes_for_aicc_are_not_resolved(points: int) -> None:
    found = scaling_rules(tuned(planted("sqrt")[:points], SIZES[:points]), 0.95)
    assert found.best is None
    assert "too few" in found.reason
    assert fit(found, "saturating").aicc is None
    two = scaling_rules(tuned(planted("sqrt")[:2], SIZES[:2]), 0.95)
    assert (two.fits, two.points) == ((), 2)


def test_edges_of_the_box_and_broken_cells_are_left_out() -> None:
    table = tuned(planted("sqrt"))
    table.loc[0, "edge"] = "low"
    table.loc[1, ["learning_rate", "low", "high"]] = np.nan
    table.loc[1, "method"] = "none"
    found = scaling_rules(table, 0.95)
    assert found.points == 5
    assert [(cell.batch_size, cell.reason) for cell in found.left_out] == [
        (1, "at the low edge"),
        (4, "no tuned learning rate"),
    ]


def test_a_parameter_at_its_end_is_not_measured() -> None:
    one = fit(scaling_rules(noisy("linear", 0, 0.01), 0.95), "saturating")
    assert one.shape.value is None
    assert one.level.value is None


def test_momentum_that_differs_makes_it_the_effective_rate() -> None:
    momentum = np.linspace(0, 0.9, len(SIZES))
    noise = np.exp(np.random.default_rng(1).normal(0, 0.05, len(SIZES)))
    table = tuned(planted("sqrt") * noise * (1 - momentum), momentum=momentum)
    found = scaling_rules(table, 0.95)
    assert found.effective
    assert "sqrt" in found.candidates
    assert not scaling_rules(tuned(planted("sqrt"), momentum=0.9), 0.95).effective


@given(st.lists(st.floats(-6, 3), min_size=1, max_size=8), st.integers(0, 10))
def test_no_table_breaks_it_and_order_changes_nothing(logs: list[float], seed: int) -> None:
    size = 4 ** np.arange(len(logs))
    width = np.random.default_rng(seed).uniform(0, 2, len(logs))
    table = tuned(np.exp(np.array(logs)), size, width)
    found = scaling_rules(table, 0.95)
    assert scaling_rules(table.sample(frac=1, random_state=seed), 0.95) == found
    for one in found.fits:
        for interval in (one.level, one.shape):
            assert interval.value is None or math.isfinite(interval.value)
            if None not in (interval.value, interval.low, interval.high):
                assert interval.low <= interval.value + 1e-9 * abs(interval.value) + 1e-12  # type: ignore[operator]
                assert interval.value <= interval.high + 1e-9 * abs(interval.high) + 1e-12  # type: ignore[operator]

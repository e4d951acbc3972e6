from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pipeline.paired_test import PairedTest, holm, reach
from pipeline.power import MOST, detectable, power, replicates_needed


def test_without_noise_it_is_the_paired_t_test() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 7))
    test = PairedTest.of(first - second, 0.0)
    known = stats.ttest_rel(first, second)
    assert test.p_value == pytest.approx(known.pvalue)
    interval, reference = test.interval(0.9), known.confidence_interval(0.9)
    assert (interval.low, interval.high) == (
        pytest.approx(reference.low),
        pytest.approx(reference.high),
    )


@pytest.mark.parametrize(("noise", "pairs"), [(0.0, 3), (0.3, 3), (1.0, 5), (5.0, 4)])
def test_the_level_is_kept_with_shared_noise(noise: float, pairs: int) -> None:
    """4,000 tests of level 5 %: rejections within 3.3 standard errors, or fewer."""
    rng = np.random.default_rng(pairs)
    rejected = sum(
        PairedTest.of(rng.normal(0, 1, pairs) + rng.normal(0, noise), noise).p_value < 0.05
        for _ in range(4000)
    )
    assert rejected <= 4000 * 0.05 + 3.3 * (4000 * 0.05 * 0.95) ** 0.5
    assert rejected >= 4000 * 0.03


def test_the_interval_excludes_0_just_where_p_is_under_the_level() -> None:
    rng = np.random.default_rng(5)
    for _ in range(200):
        test = PairedTest.of(rng.normal(0.8, 1, 6), 0.1)
        interval = test.interval(0.95)
        assert interval.low is not None and interval.high is not None
        assert (test.p_value < 0.05) == (interval.low > 0 or interval.high < 0)


def test_pairs_that_do_not_vary() -> None:
    assert PairedTest.of(np.zeros(3), 0.0).p_value == 1
    assert PairedTest.of(np.ones(3), 0.0).p_value == 0
    assert PairedTest.of(np.ones(3), 1.0).p_value == pytest.approx(2 * stats.norm.sf(1), rel=1e-4)
    assert reach(1.0, 0.0, 5, 0.05) == pytest.approx(stats.t.isf(0.025, 4) / 5**0.5)
    assert reach(0.0, 1.0, 5, 0.05) == pytest.approx(stats.norm.isf(0.025))


def slow_holm(p_values: list[float], level: float) -> set[int]:
    """Which tests the step-down procedure rejects, as Holm states it."""
    rejected: set[int] = set()
    for step, test in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[test] > level / (len(p_values) - step):
            break
        rejected.add(test)
    return rejected


@given(st.lists(st.floats(0, 1), max_size=8), st.sampled_from([0.01, 0.05, 0.3]))
def test_holms_p_is_under_the_level_where_the_procedure_rejects(
    p_values: list[float], level: float
) -> None:
    steps = holm(p_values, level)
    margin = [abs(step.p_value - level) < 1e-12 for step in steps]
    found = {i for i, step in enumerate(steps) if step.p_value <= level}
    if not any(margin):
        assert found == slow_holm(p_values, level)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.sampled_from([0.01, 0.05, 0.3]))
def test_an_interval_at_the_level_of_a_step_agrees_with_its_verdict(
    p_values: list[float], level: float
) -> None:
    """A test rejects at its own level, the family's over what its step counts, or not at all."""
    for p_value, step in zip(p_values, holm(p_values, level), strict=True):
        if abs(step.p_value - level) > 1e-12 and abs(p_value - level / step.left) > 1e-12:
            assert (p_value <= level / step.left) == (step.p_value <= level)


def test_holms_steps_end_where_the_first_does_not_reject() -> None:
    steps = holm([0.04, 0.0018, 0.03], 0.05)
    assert [step.left for step in steps] == [2, 3, 2]
    assert [step.p_value for step in steps] == pytest.approx([0.06, 0.0054, 0.06])


@pytest.mark.parametrize(("effect", "pairs"), [(1.0, 5), (0.5, 20), (2.0, 3)])
def test_power_without_noise_is_that_of_the_noncentral_t(effect: float, pairs: int) -> None:
    critical = stats.t.isf(0.025, pairs - 1)
    centre = effect * pairs**0.5
    exact = stats.nct.sf(critical, pairs - 1, centre) + stats.nct.cdf(-critical, pairs - 1, centre)
    assert power(effect, 1.0, 0.0, pairs, 0.05) == pytest.approx(exact, abs=2e-3)


def test_power_with_noise_is_what_simulation_finds() -> None:
    rng = np.random.default_rng(0)
    found = np.mean([
        PairedTest.of(2 + rng.normal(0, 1, 5) + rng.normal(0, 0.6), 0.6).p_value < 0.05
        for _ in range(2000)
    ])
    expected = power(2.0, 1.0, 0.6, 5, 0.05)
    assert abs(found - expected) < 3.3 * (expected * (1 - expected) / 2000) ** 0.5


def test_detectable_and_needed_turn_power_around() -> None:
    least = detectable(0.5, 0.1, 5, 0.05, 0.8)
    assert power(least, 0.5, 0.1, 5, 0.05) == pytest.approx(0.8)
    needed = replicates_needed(0.6, 0.5, 0.1, 0.05, 0.8)
    assert needed is not None
    assert power(0.6, 0.5, 0.1, needed, 0.05) >= 0.8 > power(0.6, 0.5, 0.1, needed - 1, 0.05)


def test_no_number_of_replicates_removes_the_noise_they_share() -> None:
    assert replicates_needed(0.2, 0.5, 0.2, 0.05, 0.8) is None
    assert replicates_needed(0.0, 0.5, 0.0, 0.05, 0.8) is None
    assert replicates_needed(1e-6, 0.5, 0.0, 0.05, 0.8) is None
    assert replicates_needed(-0.2, 0.0, 0.0, 0.05, 0.8) == 2
    assert detectable(0.0, 0.0, 5, 0.05, 0.8) == 0
    assert MOST == 1000

"""Verdicts on studies of one network under different seeds, drawn from real replicates."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.verdict_power import band, detectable, false_verdicts, read


def test_identical_models_are_told_apart_no_more_often_than_the_level_allows() -> None:
    """A small version of python -m benchmarks.verdict_power: 30 studies of 2, 5 replicates each."""
    verdict, alone, _ = false_verdicts(read(), 2, 5, 30)
    most = band(30)[1]
    assert verdict <= alone <= most


@pytest.mark.slow
def test_the_noise_of_the_sweeps_choice_is_what_keeps_the_level() -> None:
    verdict, alone, without = false_verdicts(read(), 2, 10, 100)
    most = band(100)[1]
    assert verdict <= alone <= most < without


def test_a_study_shares_no_replicate_between_models() -> None:
    study = read().study(5, 10, np.random.default_rng(0))
    names = [sweep.names for sweep in study.sweeps.values()]
    assert len(frozenset().union(*names)) == 15
    assert len(study.table) == 5 * 10 * 6 * 3


def test_a_small_difference_is_not_found_and_a_large_one_is() -> None:
    value, low, high = detectable(read(), 1, 5, 30)
    assert 0.3 < low <= value <= high < 2

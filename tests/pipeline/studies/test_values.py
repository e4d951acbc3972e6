from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from pipeline.outcome import Curve, Ended, TrialResult
from pipeline.studies.values import value_of
from tests.pipeline.studies.planted_races import broken, outcome


def value(result: TrialResult) -> float | None:
    return value_of(result, 400, quantity="error", goal=0.05)


def test_values_are_finite_and_rank_as_they_should() -> None:
    assert value(outcome(Ended.REACHED, 64)) == 6
    assert value(outcome(Ended.OUTRACED, 64)) == 7
    assert value(outcome(Ended.EXHAUSTED, 400)) == math.log2(400) + 1
    assert value(outcome(Ended.DIVERGED, 2)) == math.log2(400) + 1
    assert value(broken()) is None


def test_a_trial_that_trained_past_the_goal_counts_the_steps_to_it() -> None:
    """As confirm's do: they end exhausted or diverged, long after."""
    errors = np.array([0.9, 0.2, 0.05, 0.03])
    ones = np.ones(4)
    curve = Curve(np.array([0, 8, 32, 400]), ones, errors, ones, ones, ones)
    assert value(TrialResult(Ended.EXHAUSTED, curve)) == 5
    losing = replace(curve, validation_loss=np.array([1, 1, np.nan, np.nan]))
    assert value(TrialResult(Ended.DIVERGED, losing)) == math.log2(400) + 1


def test_a_goal_of_loss_is_looked_for_in_the_loss() -> None:
    ones = np.ones(3)
    curve = Curve(np.array([0, 16, 400]), np.array([2.0, 0.4, 0.3]), ones, ones, ones, ones)
    result = TrialResult(Ended.EXHAUSTED, curve)
    assert value_of(result, 400, quantity="loss", goal=0.5) == 4
    assert value_of(result, 400, quantity="error", goal=0.5) == math.log2(400) + 1

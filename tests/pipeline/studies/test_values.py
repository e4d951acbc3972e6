from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pipeline import observations
from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.studies.values import sound, value_of
from pipeline.trial import Quantity, Race, Recipe
from tests.pipeline.conftest import MakeRace
from tests.pipeline.studies.planted_races import broken, outcome

Value = Callable[..., float | None]


@pytest.fixture
def value(recipe: Recipe, make_race: MakeRace) -> Value:
    """The value of the first of some trials of a race, whose budget is 400 steps."""

    def of(*trials: TrialResult, quantity: Quantity = "error", goal: float = 0.05) -> float | None:
        race: Race = make_race(
            replace(recipe, max_steps=400, race=4.0, goal=0.05),
            rates=tuple(0.1 * (k + 1) for k in range(len(trials))),
        )
        result = RaceResult(race, trials, 0.0, 0.0, {})
        return value_of(result, 0, quantity=quantity, goal=goal)

    return of


def test_values_are_finite_and_rank_as_they_should(value: Value) -> None:
    assert value(outcome(Ended.REACHED, 64)) == 6
    assert value(outcome(Ended.OUTRACED, 64)) == 7
    assert value(outcome(Ended.EXHAUSTED, 400)) == math.log2(400) + 1
    assert value(outcome(Ended.DIVERGED, 2)) == math.log2(400) + 1
    assert value(broken()) is None


def test_an_outpaced_trial_counts_as_if_its_race_had_run_on(value: Value) -> None:
    """Four times the first one's steps, or to the budget; so it ranks with the outraced."""
    slow, first = outcome(Ended.OUTPACED, 64), outcome(Ended.REACHED, 64)
    assert value(slow, first) == math.log2(4 * 64) + 1
    assert value(slow, first, outcome(Ended.REACHED, 50)) == math.log2(4 * 50) + 1
    assert value(outcome(Ended.OUTPACED, 200), outcome(Ended.REACHED, 200)) == math.log2(400) + 1


def test_a_trial_that_trained_past_the_goal_counts_the_steps_to_it(value: Value) -> None:
    """As confirm's do: they end exhausted or diverged, long after."""
    errors = np.array([0.9, 0.2, 0.05, 0.03])
    ones = np.ones(4)
    curve = Curve(np.array([0, 8, 32, 400]), ones, errors, ones, ones, ones)
    assert value(TrialResult(Ended.EXHAUSTED, curve)) == 5
    losing = replace(curve, validation_loss=np.array([1, 1, np.nan, np.nan]))
    assert value(TrialResult(Ended.DIVERGED, losing)) == math.log2(400) + 1


def test_an_evaluation_whose_training_loss_is_not_finite_reached_nothing(value: Value) -> None:
    """It ended the trial as diverged; the table's observations say infinite. Step 0 has none."""
    ones = np.ones(2)
    curve = Curve(
        np.array([0, 1]), np.array([2.3, 0.1]), np.array([0.9, 0.01]),
        np.array([np.nan, np.inf]), ones, ones,
    )  # fmt: skip
    assert value(TrialResult(Ended.DIVERGED, curve)) == math.log2(400) + 1
    assert value(TrialResult(Ended.DIVERGED, curve), goal=0.95) == 0  # held before it trained
    sane = replace(curve, train_loss=np.array([np.nan, 0.3]))
    assert value(TrialResult(Ended.REACHED, sane)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_sound_says_of_a_curve_what_observations_say_of_the_table(seed: int) -> None:
    generator = np.random.default_rng(seed)
    losses = generator.choice([1.0, np.nan, np.inf], (2, 20), p=[0.6, 0.2, 0.2])
    steps, ones = np.arange(20), np.ones(20)
    table = pd.DataFrame({"step": steps, "validation_loss": losses[0], "train_loss": losses[1]})
    found = sound(Curve(steps, losses[0], ones, losses[1], ones, ones))
    assert found.tolist() == observations.sound(table).tolist()


def test_a_goal_of_loss_is_looked_for_in_the_loss(value: Value) -> None:
    ones = np.ones(3)
    curve = Curve(np.array([0, 16, 400]), np.array([2.0, 0.4, 0.3]), ones, ones, ones, ones)
    result = TrialResult(Ended.EXHAUSTED, curve)
    assert value(result, quantity="loss", goal=0.5) == 4
    assert value(result, quantity="error", goal=0.5) == math.log2(400) + 1

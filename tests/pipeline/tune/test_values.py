from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.trial import Race, Trial
from pipeline.tune.question import Question
from pipeline.tune.values import plain, reached, steadied, values_of
from tests.pipeline.mirrored import RECIPE, curve, race_result
from tests.pipeline.tune.conftest import asking


def result(ended: Ended, *, seconds: float = 3.0, **columns: Any) -> RaceResult:
    trial = Trial("conv", 64, 0, 0.1)
    message = "" if ended.measured else "broken"
    outcome = TrialResult(ended, curve(4, **columns), message)
    return RaceResult(Race("f", (trial,), RECIPE, "tune"), (outcome,), 0.0, seconds, {})


REACHED = {"validation_error": np.array([0.9, 0.5, 0.04, 0.03])}  # steps 0, 10, 20, 30
SHORT = {"validation_error": np.array([0.9, 0.5, 0.2, 0.1])}


@pytest.mark.parametrize(
    ("objective", "cost"), [("steps", 20), ("examples", 20 * 64), ("seconds", 3 * 20 / 30)]
)
def test_a_cost_is_that_of_the_first_evaluation_at_the_goal(
    objective: Any, cost: float, question: Question
) -> None:
    found = values_of(asking(question, objective), [result(Ended.REACHED, **REACHED)])
    assert found is not None
    assert plain(objective, found[0]) == pytest.approx(cost)


@pytest.mark.parametrize(
    ("ended", "steps"),
    [(Ended.EXHAUSTED, 2 * 30), (Ended.OUTRACED, 2 * 30), (Ended.DIVERGED, 2 * RECIPE.max_steps)],
)
def test_what_did_not_reach_the_goal_costs_a_doubling_more(
    ended: Ended, steps: int, question: Question
) -> None:
    found = values_of(asking(question, "steps"), [result(ended, **SHORT)])
    assert found == (pytest.approx(math.log2(steps)),)
    assert not reached(question, [result(ended, **SHORT)])


def test_loss_and_error_are_the_best_within_the_budget(question: Question) -> None:
    columns = {"validation_loss": np.array([2.0, 0.5, 0.2, 0.7]), **SHORT}
    both = asking(question, "loss", "error")
    assert values_of(both, [result(Ended.EXHAUSTED, **columns)]) == (0.2, 0.1)
    columns["validation_loss"][-1] = np.nan
    assert values_of(both, [result(Ended.DIVERGED, **columns)]) == (2.0, 0.9)  # as if untrained


def test_replicates_count_by_their_mean(question: Question) -> None:
    results = [result(Ended.REACHED, **REACHED), result(Ended.EXHAUSTED, **SHORT)]
    found = values_of(asking(question, "steps"), results)
    assert found == (pytest.approx((math.log2(20) + math.log2(60)) / 2),)
    assert not reached(question, results)
    assert reached(question, results[:1])


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.OUT_OF_MEMORY])
def test_broken_trials_have_no_value(ended: Ended, question: Question) -> None:
    good, broken = (race_result("f", ended=(how,)) for how in (Ended.REACHED, ended))
    assert values_of(question, [good, broken]) is None
    assert values_of(question, [good]) is not None


def test_a_trial_that_was_never_finite_has_no_value(question: Question) -> None:
    nothing = np.full(4, np.nan)
    found = values_of(asking(question, "loss"), [result(Ended.DIVERGED, validation_loss=nothing)])
    assert found is None


def test_a_cost_is_steadied_by_the_levels_on_the_way_to_the_goal(question: Question) -> None:
    """From 0.15 to 0.05 in five: 0.15, 0.114, 0.087, 0.066, 0.05; evaluated every ten steps."""
    asked = asking(question, "steps")
    errors = {"validation_error": np.array([0.9, 0.12, 0.07, 0.05])}
    costs = [math.log2(steps) for steps in (10, 20, 20, 30, 30)]
    assert steadied(asked, [result(Ended.REACHED, **errors)]) == pytest.approx(np.mean(costs))
    late = {"validation_error": np.array([0.9, 0.9, 0.9, 0.05])}
    alike = steadied(asked, [result(Ended.REACHED, **late)])
    assert alike == pytest.approx(math.log2(30))  # all levels in one leap: the cost of the goal


def test_a_steadied_cost_counts_what_was_never_reached_as_values_do(question: Question) -> None:
    asked = asking(question, "examples")
    short = [result(Ended.EXHAUSTED, validation_error=np.array([0.9, 0.12, 0.12, 0.12]))]
    spent = math.log2(30 * 64) + 1
    costs = [math.log2(10 * 64), spent, spent, spent, spent]  # only 0.15 was reached
    assert steadied(asked, short) == pytest.approx(np.mean(costs))


def test_levels_keep_below_the_untrained_network(question: Question) -> None:
    near = replace(asking(question, "steps"), goal=0.4)  # 3 x 0.4 is worse than any network
    column = np.array([0.9, 0.65, 0.5, 0.4])  # 0.6 down to 0.4
    levels = [0.4 * 1.5 ** (k / 4) for k in (4, 3, 2, 1, 0)]
    costs = [math.log2(10 * int(np.flatnonzero(column <= level)[0])) for level in levels]
    found = steadied(near, [result(Ended.REACHED, validation_error=column)])
    assert found == pytest.approx(np.mean(costs))


def test_only_one_cost_is_steadied(question: Question) -> None:
    fine = [result(Ended.REACHED, **REACHED)]
    assert steadied(asking(question, "loss"), fine) is None
    assert steadied(asking(question, "steps", "examples"), fine) is None
    broken = [result(Ended.FAILED)]
    assert steadied(question, broken) is None


def test_an_evaluation_whose_loss_is_not_finite_says_nothing(question: Question) -> None:
    """The class of the largest of NaN outputs is 0, and its error may lie under an easy goal."""
    easy = replace(asking(question, "steps"), goal=0.6)
    columns = {"validation_loss": np.array([2.0, 1.9, np.nan, np.nan]),
               "validation_error": np.array([0.9, 0.8, 0.5, 0.5])}  # fmt: skip
    diverged = [result(Ended.DIVERGED, **columns)]
    assert values_of(easy, diverged) == (pytest.approx(math.log2(2 * RECIPE.max_steps)),)
    assert not reached(easy, diverged)
    spent = math.log2(2 * RECIPE.max_steps)
    assert steadied(easy, diverged) == pytest.approx(spent)
    best = values_of(asking(question, "error"), [result(Ended.OUTRACED, **columns)])
    assert best == (pytest.approx(0.8),)


def test_an_evaluation_whose_training_loss_is_not_finite_says_nothing(question: Question) -> None:
    """The weights had blown up by then, whatever the validation split still scores."""
    columns = {"validation_loss": np.array([2.3, 0.9, 0.5, 0.1]),
               "validation_error": np.array([0.9, 0.3, 0.2, 0.01]),
               "train_loss": np.array([np.nan, 1.0, 0.6, np.inf])}  # fmt: skip
    asked, diverged = asking(question, "steps"), [result(Ended.DIVERGED, **columns)]
    spent = math.log2(2 * RECIPE.max_steps)
    assert values_of(asked, diverged) == (pytest.approx(spent),)
    assert not reached(asked, diverged)
    best = values_of(asking(question, "loss", "error"), [result(Ended.OUTRACED, **columns)])
    assert best == (0.5, 0.2)
    assert reached(replace(asked, goal=0.95), diverged)  # step 0, which has no training loss

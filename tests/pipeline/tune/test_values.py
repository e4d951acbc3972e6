from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.trial import Race, Trial
from pipeline.tune.question import Question
from pipeline.tune.values import plain, reached, values_of
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

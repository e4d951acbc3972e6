from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.settings import LearningRates, SearchSettings
from pipeline.studies import propose, value_of
from pipeline.trial import Race, Recipe, Trial

BOX = LearningRates(low=0.001, high=10.0, points=12)
SAMPLERS: list[Literal["gp", "tpe", "random"]] = ["gp", "tpe", "random"]


def outcome(ended: Ended, steps: int) -> TrialResult:
    column = np.zeros(2)
    return TrialResult(ended, Curve(np.array([0, steps]), *[column] * 5))


@pytest.fixture
def finished(recipe: Recipe) -> list[RaceResult]:
    """A grid whose optimum is at 0.1; the rates above 3 diverged."""
    rates = tuple(0.001 * 10 ** (i / 3) for i in range(12))
    results = tuple(
        outcome(Ended.DIVERGED, 3)
        if rate > 3
        else outcome(Ended.REACHED, round(20 * 2 ** (math.log10(rate / 0.1) ** 2)))
        for rate in rates
    )
    race = Race(
        "f" * 32, tuple(Trial("mlp", 8, 0, r) for r in rates),
        replace(recipe, max_steps=400, goal=0.1), "grid",
    )  # fmt: skip
    return [RaceResult(race, results, 0.0, 1.0, {})]


def proposals(
    finished: list[RaceResult], sampler: Literal["gp", "tpe", "random"], round_number: int
) -> tuple[float, ...]:
    return propose(
        finished[0].race.cell, finished, box=BOX, seed=0, round_number=round_number,
        search=SearchSettings(sampler=sampler, rounds=2, proposals=3),
    )  # fmt: skip


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_proposals_lie_in_the_box_and_are_the_same_after_a_resume(
    sampler: Literal["gp", "tpe", "random"], finished: list[RaceResult]
) -> None:
    rates = proposals(finished, sampler, 1)
    assert 1 <= len(rates) <= 3
    assert all(BOX.low <= rate <= BOX.high for rate in rates)
    assert list(rates) == sorted(set(rates))
    assert rates == proposals(finished, sampler, 1)
    assert rates != proposals(finished, sampler, 2)


def test_the_gp_looks_near_the_optimum_and_not_at_the_edge_of_divergence(
    finished: list[RaceResult],
) -> None:
    rates = proposals(finished, "gp", 1)
    assert all(0.02 < rate < 0.5 for rate in rates)


def test_values_are_finite_and_rank_as_they_should(recipe: Recipe) -> None:
    assert value_of(outcome(Ended.REACHED, 64), 400) == 6
    assert value_of(outcome(Ended.OUTRACED, 64), 400) == 7
    assert value_of(outcome(Ended.EXHAUSTED, 400), 400) == math.log2(400) + 1
    assert value_of(outcome(Ended.DIVERGED, 2), 400) == math.log2(400) + 1
    broken = TrialResult(Ended.FAILED, Curve(np.empty(0, dtype=int), *[np.empty(0)] * 5), "broke")
    assert value_of(broken, 400) is None


def test_nothing_is_proposed_from_nothing(finished: list[RaceResult]) -> None:
    assert propose(
        finished[0].race.cell, [], box=BOX, seed=0, round_number=1,
        search=SearchSettings(sampler="gp", rounds=1, proposals=3),
    ) == ()  # fmt: skip

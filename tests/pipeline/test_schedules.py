"""Schedules are torch's, reach into training, and cost a constant rate nothing."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import lr_scheduler

from pipeline.images import Prepared
from pipeline.optimisers import LearningRates
from pipeline.schedules import Schedule
from pipeline.stopping import evaluation_steps
from pipeline.trial import Recipe, Shape
from tests.pipeline.conftest import MakeRace
from tests.pipeline.test_cohort import (
    Scheduler,
    assert_equal_results,
    assert_equals_lone_runs,
    train,
)

STEPS = 50


def warmed(
    optimiser: torch.optim.Optimizer, warmup: int, rest: lr_scheduler.LRScheduler
) -> lr_scheduler.LRScheduler:
    rise = lr_scheduler.LinearLR(optimiser, start_factor=1 / warmup, total_iters=warmup - 1)
    return lr_scheduler.SequentialLR(optimiser, [rise, rest], [warmup])


def linear(optimiser: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.LinearLR(optimiser, 1.0, 0.1, total_iters=STEPS)


def cosine(optimiser: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    base = optimiser.param_groups[0]["lr"]
    return lr_scheduler.CosineAnnealingLR(optimiser, STEPS, eta_min=0.2 * base)


def warm_linear(optimiser: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    rest = lr_scheduler.LinearLR(optimiser, 1.0, 0.0, total_iters=STEPS - 10)
    return warmed(optimiser, 10, rest)


def warm_constant(optimiser: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    return lr_scheduler.LambdaLR(optimiser, lambda step: min(1.0, (step + 1) / 5))


TWINS = {
    "linear": (linear, {"schedule": "linear", "final": 0.1}),
    "cosine": (cosine, {"schedule": "cosine", "final": 0.2}),
    "warm-up, linear": (warm_linear, {"schedule": "linear", "final": 0.0, "warmup": 0.2}),
    "warm-up, constant": (warm_constant, {"warmup": 0.1}),
}


@pytest.mark.parametrize("name", list(TWINS))
def test_factors_equal_torchs(name: str) -> None:
    scheduler, fields = TWINS[name]
    given_fields = {"schedule": "constant", "warmup": 0.0, "final": 1.0} | fields
    schedule = Schedule(*given_fields.values(), STEPS)
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.7)
    twin = scheduler(optimiser)
    expected: list[float] = []
    for _ in range(STEPS):
        expected.append(optimiser.param_groups[0]["lr"] / 0.7)
        optimiser.step()
        twin.step()
    found = [schedule.factor(step) for step in range(STEPS)]
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kernel", ["stacked", "solo"])
@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
@pytest.mark.parametrize("name", list(TWINS))
def test_training_under_a_schedule_equals_torch(
    name: str,
    optimiser: str,
    kernel: str,
    prepared: Prepared,
    recipe: Recipe,
    make_race: MakeRace,
) -> None:
    """Through every block boundary: fifty steps are cut at eleven evaluations."""
    scheduler: Scheduler
    scheduler, fields = TWINS[name]
    shared = replace(recipe, kernel=kernel, optimiser=optimiser, **fields)
    assert len(evaluation_steps(shared)) > 8
    assert_equals_lone_runs(
        [make_race(shared, rates=(0.002, 0.01), weight_decay=0.05)], prepared, scheduler
    )


def test_where_blocks_end_changes_no_weight(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, schedule="cosine", warmup=0.3, final=0.0, precision="32-true")
    often, seldom = (
        train([make_race(replace(shared, evaluation_ratio=ratio))], prepared)[0]
        for ratio in (1.01, 2.0)
    )
    for a, b in zip(often, seldom, strict=True):
        assert a.curve.validation_loss[-1] == b.curve.validation_loss[-1]


def test_a_goal_does_not_shorten_the_schedule(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    """Up to where it stops, a trial is what it is when it goes on: the horizon is the budget."""
    shared = replace(recipe, schedule="linear", final=0.0, precision="32-true", max_steps=200)
    [[whole]] = train([make_race(shared, rates=(0.1,))], prepared)
    [[stopped]] = train([make_race(replace(shared, goal=0.3), rates=(0.1,))], prepared)
    n = len(stopped.curve.steps)
    assert 1 < n < len(whole.curve.steps)
    np.testing.assert_array_equal(stopped.curve.validation_loss, whole.curve.validation_loss[:n])


def test_members_under_a_schedule_are_bitwise_equal_at_any_width(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(
        recipe, schedule="cosine", warmup=0.1, precision="32-true", goal=0.4, race=1.5, max_steps=80
    )
    races = [make_race(shared, replicate=r, rates=(0.02, 0.1, 0.4)) for r in range(3)]
    together = train(races, prepared, width=32)
    for width in (2, 5):
        for left, right in zip(together, train(races, prepared, width), strict=True):
            for a, b in zip(left, right, strict=True):
                assert_equal_results(a, b)


def test_a_constant_rate_is_handed_out_as_it_is() -> None:
    rates = torch.tensor([0.1, 0.2])
    plain = LearningRates(rates, [2, 3, 2], Schedule("constant", 0.0, 1.0, 100))
    assert plain.at(0) is plain.at(99)
    assert [tuple(view.shape) for view in plain.at(5)] == [(2, 1), (2, 1, 1), (2, 1)]
    assert Schedule("constant", 0.001, 1.0, 100).plain  # a tenth of a step warms nothing up


@given(
    shape=st.sampled_from(["constant", "linear", "cosine"]),
    warmup=st.floats(0, 0.99),
    final=st.floats(0, 1),
    steps=st.integers(1, 300),
)
def test_it_rises_to_the_peak_and_then_never_rises(
    shape: Shape, warmup: float, final: float, steps: int
) -> None:
    schedule = Schedule(shape, warmup, final, steps)
    factors = [schedule.factor(step) for step in range(steps)]
    peak = factors.index(max(factors))
    assert max(factors) == 1.0
    assert all(a <= b for a, b in itertools.pairwise(factors[: peak + 1]))
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(factors[peak:]))
    assert all(0 <= factor <= 1 + 1e-12 for factor in factors)
    end = 1.0 if shape == "constant" else final
    assert schedule.factor(10 * steps) == pytest.approx(end) or round(warmup * steps) == steps


@given(batch_size=st.integers(1, 512), step=st.floats(0, 0.99))
def test_a_share_of_the_budget_means_the_same_at_every_batch_size(
    batch_size: int, step: float
) -> None:
    small = Schedule("cosine", 0.1, 0.0, 20 * 512)
    large = Schedule("cosine", 0.1, 0.0, max(400, 20 * 512 // batch_size))
    assert large.factor(int(step * large.steps)) == pytest.approx(
        small.factor(int(step * small.steps)), abs=10 / large.steps
    )

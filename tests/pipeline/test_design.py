from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.carried import TunedSetting, scaled
from pipeline.design import Design
from pipeline.grouping import cohorts, rank
from pipeline.points import learning_rate_grid
from pipeline.settings import LearningRates, Settings
from pipeline.trial import Cell, Hyperparameters

BOX = LearningRates(low=0.001, high=10.0, points=12)


@pytest.fixture
def design(settings: Settings) -> Design:
    return Design(
        settings, "digest", 1347, (1, 4, 16, 64, 256, 1347), "cpu",
        lambda model, size: "no variance" if (model, size) == ("lenet", 1) else "",
    )  # fmt: skip


@given(st.integers(0, 2**31 - 1), st.integers(0, 999), st.integers(2, 40))
def test_grid_has_one_point_in_each_part_of_the_box(seed: int, replicate: int, n: int) -> None:
    box = LearningRates(low=0.003, high=3.0, points=n)
    rates = learning_rate_grid(box, seed, replicate)
    parts = [math.log(rate / box.low) / math.log(box.high / box.low) * n for rate in rates]
    assert len(rates) == n
    for i, part in enumerate(parts):
        assert i - 1e-3 <= part <= i + 1 + 1e-3
        assert part - parts[0] == pytest.approx(i, abs=1e-3)


def test_replicates_shift_the_grid_differently_and_evenly() -> None:
    spacing = math.log(10_000) / 12
    shifts = sorted(math.log(learning_rate_grid(BOX, 0, r)[0] / 0.001) / spacing for r in range(8))
    gaps = [b - a for a, b in itertools.pairwise(shifts)]
    assert max(gaps) < 0.25  # eight random shifts would leave a gap of 0.34 on average
    assert min(gaps) > 0.05


def test_the_grid_is_the_same_for_all_cells(design: Design) -> None:
    races = design.grid()
    assert len(races) == (5 * 6 - 1) * 3
    for replicate in range(3):
        grids = {
            tuple(t.learning_rate for t in race.trials)
            for race in races
            if race.replicate == replicate
        }
        assert len(grids) == 1


def test_infeasible_cells_are_planned_and_not_trained(design: Design) -> None:
    [cell] = [plan for plan in design.cells() if plan.infeasible]
    assert cell.cell == Cell("lenet", 1)
    assert all(race.cell != cell.cell for race in design.grid())
    tuned = {plan.cell: TunedSetting(Hyperparameters(0.1)) for plan in design.cells()}
    assert all(a.race.cell != cell.cell for a in design.confirm(tuned, 64))


def test_budget_is_epochs_or_the_minimum_of_steps(design: Design) -> None:
    recipes = {race.cell.batch_size: race.recipe for race in design.grid()}
    assert recipes[1].max_steps == recipes[1].landmarks[0] == 12 * 1347
    assert recipes[256].landmarks == (math.ceil(12 * 1347 / 256),)
    assert recipes[1347].max_steps == 400
    assert recipes[1347].landmarks == (12,)


def test_kernel_follows_threshold_and_override(design: Design) -> None:
    kernel = design.settings.training.kernel.model_copy(update={"overrides": {"conv": 4}})
    training = design.settings.training.model_copy(update={"kernel": kernel})
    changed = replace(design, settings=design.settings.model_copy(update={"training": training}))
    kernels = {race.cell: race.recipe.kernel for race in changed.grid()}
    assert kernels[Cell("mlp", 64)] == "stacked"
    assert kernels[Cell("mlp", 256)] == "solo"
    assert kernels[Cell("conv", 4)] == "stacked"
    assert kernels[Cell("conv", 16)] == "solo"


def test_what_can_not_train_stacked_is_refused_with_what_trains_it(design: Design) -> None:
    refusing = replace(design, unstackable=lambda model, _: "no" if model == "conv" else "")
    with pytest.raises(
        ValueError, match=r"conv can't train stacked.* entry conv: 0, and it"
    ) as said:
        refusing.grid()
    assert "stacked_up_to is 64" in str(said.value)
    kernel = design.settings.training.kernel.model_copy(update={"overrides": {"conv": 0}})
    training = design.settings.training.model_copy(update={"kernel": kernel})
    settings = design.settings.model_copy(update={"training": training})
    assert len(replace(refusing, settings=settings).grid()) == len(design.grid())


def test_confirm_is_fresh_unraced_and_measures_the_test_split(design: Design) -> None:
    tuned = {plan.cell: TunedSetting(Hyperparameters(0.1)) for plan in design.cells()}
    assignments = design.confirm(tuned, 64)
    assert {a.race.replicate for a in assignments} == set(range(1000, 1005))
    for assignment in assignments:
        recipe = assignment.race.recipe
        assert (recipe.goal, recipe.race, recipe.evaluate_test) == (None, None, True)
        assert len(assignment.race.trials) == 1


def test_rules_carry_the_reference_over(design: Design) -> None:
    rates = {64: 0.5, 1: 0.02, 256: 1.0}
    tuned = {Cell("mlp", size): TunedSetting(Hyperparameters(rate)) for size, rate in rates.items()}
    chosen = {
        (a.race.cell.batch_size, a.rule): a.race.trials[0].learning_rate
        for a in design.confirm(tuned, 64)
        if a.race.cell.model == "mlp"
    }
    assert chosen[1, "tuned"] == 0.02
    assert chosen[1, "constant"] == chosen[1347, "constant"] == 0.5
    assert chosen[256, "linear"] == 2.0
    assert chosen[256, "sqrt"] == 1.0
    assert chosen[1, "sqrt"] == 0.063  # 0.0625 as a preferred number
    assert (1347, "tuned") not in chosen


def test_rounding_carries_no_tuned_rate_over_a_cliff(design: Design) -> None:
    """And the reference's own is carried as it was trained there; scaled ones are rounded once."""
    tuned = {
        Cell("mlp", 64): TunedSetting(Hyperparameters(0.0369), 0.037),
        Cell("mlp", 256): TunedSetting(Hyperparameters(0.0369), 0.05),
    }
    chosen = {
        (a.race.cell.batch_size, a.rule): a.race.trials[0].learning_rate
        for a in design.confirm(tuned, 64)
        if a.race.cell.model == "mlp"
    }
    assert chosen[64, "tuned"] == chosen[64, "linear"] == chosen[1347, "constant"] == 0.0355
    assert chosen[256, "tuned"] == 0.04
    assert chosen[1347, "linear"] == 0.8  # 0.0369 * 21.05 = 0.777; 0.0355 * 21.05 would be 0.747


def test_rules_that_agree_share_a_race(design: Design) -> None:
    shared = [
        a.race.fingerprint
        for a in design.confirm({Cell("mlp", 64): TunedSetting(Hyperparameters(0.5))}, 64)
        if a.race.cell == Cell("mlp", 64)
    ]
    assert len(shared) == 4 * 5
    assert len(set(shared)) == 5


def test_without_the_reference_only_tuned_is_confirmed(design: Design) -> None:
    assignments = design.confirm({Cell("mlp", 1): TunedSetting(Hyperparameters(0.5))}, 64)
    assert {a.rule for a in assignments} == {"tuned"}


def test_scaling_rules() -> None:
    assert scaled("constant", 0.3, 256, 64) == 0.3
    assert scaled("linear", 0.3, 256, 64) == pytest.approx(1.2)
    assert scaled("sqrt", 0.3, 256, 64) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="tuned"):
        scaled("tuned", 0.3, 256, 64)


@given(st.integers(2, 80))
def test_cohorts_hold_every_race_once(width: int) -> None:
    races = GRID
    plans = cohorts(races, width)
    assert sorted(r.fingerprint for p in plans for r in p.races) == sorted(
        r.fingerprint for r in races
    )
    for plan in plans:
        assert len(plan.races) == 1 or len(plan.trials) <= width
        assert plan.recipe.kernel == "stacked" or len(plan.races) == 1
    costs = [rank(p) for p in plans]
    assert costs == sorted(costs, reverse=True)


@pytest.fixture(scope="module", autouse=True)
def grid(settings: Settings) -> None:
    global GRID
    GRID = Design(settings, "digest", 1347, (1, 64, 1347), "cpu", lambda *_: "").grid()

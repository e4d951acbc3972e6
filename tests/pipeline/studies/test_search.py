"""Rounds of proposals: where they lie, when they end, and that a stop changes nothing."""

from __future__ import annotations

import importlib.util
import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.carried import TunedSetting
from pipeline.design import Design
from pipeline.ledger import Ledger
from pipeline.outcome import Ended, RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.studies.pinned import Swept, pinned, tuned_rows
from pipeline.studies.proposals import propose
from pipeline.studies.zoom import vicinity
from pipeline.study.sweep import searched
from pipeline.trial import Cell, Hyperparameters
from tests.pipeline.studies.planted_races import BEST, PlantedEngine, outcome, result_of, searching
from tests.slow import slow

CELL = Cell("mlp", 8)
JOINT = {
    "design": "sobol",
    "learning_rates": {"low": 0.003, "high": 10.0, "points": 8},
    "hyperparameters": {
        "momentum": {"low": 0.0, "high": 0.95, "log": False},
        "weight_decay": {"low": 1e-5, "high": 1e-2, "log": True},
    },
}
cmaes = pytest.param(
    "cmaes",
    marks=pytest.mark.skipif(importlib.util.find_spec("cmaes") is None, reason="needs cmaes"),
)


def design(settings: Settings) -> Design:
    return Design(settings, "digest", 1347, (8, 64), "cpu", lambda *_: "")


def runner(folder: Path, engine: PlantedEngine) -> Runner:
    return Runner("sweep", Ledger(folder, pytest.fail), engine, (), 36, lambda _: None)


def by(settings: Settings, sampler: str, **sweep: Any) -> Settings:
    search = {"sampler": sampler, "proposals": 3, "limit": 6, "until": 1.001}
    return searching(settings, **{**sweep, "search": search})


def grid_results(settings: Settings, cell: Cell = CELL) -> list[RaceResult]:
    return [result_of(race) for race in design(settings).grid() if race.cell == cell]


@pytest.mark.parametrize("sampler", ["gp", "tpe", "random", cmaes])
def test_proposals_lie_in_the_boxes_and_depend_on_results_alone(
    sampler: str, settings: Settings
) -> None:
    asked = by(settings, sampler, **JOINT)
    results = grid_results(asked)
    proposed = propose(CELL, results, asked, 1)
    tried = proposed[0]
    assert proposed == {0: tried, 1: tried}, "all replicates train what is proposed"
    assert 1 <= len(tried) <= 3
    assert list(tried) == sorted(set(tried))
    for one in tried:
        assert 0.003 <= one.learning_rate <= 10
        assert 0 <= one.momentum <= 0.95
        assert 1e-5 <= one.weight_decay <= 1e-2
    random.Random(0).shuffle(results)
    assert proposed == propose(CELL, results, asked, 1)
    assert proposed != propose(CELL, results, asked, 2)


def test_what_is_not_searched_keeps_its_value(settings: Settings) -> None:
    asked = by(settings, "random")
    training = asked.training.model_copy(update={"momentum": 0.9, "weight_decay": 0.001})
    asked = asked.model_copy(update={"training": training})
    tried = propose(CELL, grid_results(asked), asked, 1)[0]
    assert {one[1:] for one in tried} == {(0.9, 0.001)}


def test_the_gp_looks_near_the_optimum_and_not_at_the_edge_of_divergence(
    settings: Settings,
) -> None:
    asked = by(settings, "gp")
    for one in propose(CELL, grid_results(asked), asked, 1)[0]:
        assert BEST / 8 < one.learning_rate < BEST * 8


def test_nothing_is_proposed_from_nothing(settings: Settings) -> None:
    assert propose(CELL, [], by(settings, "gp"), 1) == {}
    assert propose(CELL, [], by(settings, "zoom"), 1) == {}


def test_zooming_lays_a_grid_around_the_optimum_for_fresh_replicates(
    settings: Settings,
) -> None:
    search = {"sampler": "zoom", "proposals": 4, "limit": 8, "until": 1.001}
    asked = searching(settings, search=search)
    results = grid_results(asked)
    around = vicinity(results, asked.sweep.goals)
    assert around
    low, high = around
    assert low < BEST < high
    first, second = propose(CELL, results, asked, 1), propose(CELL, results, asked, 2)
    assert set(first) == {2, 3}
    assert set(second) == {4, 5}, "a round's replicates are its own"
    laid_out = [*first.values(), *second.values()]
    assert len(set(laid_out)) == 4
    for tried in laid_out:
        shares = [math.log(one.learning_rate / low) / math.log(high / low) for one in tried]
        assert [int(4 * share) for share in shares] == [0, 1, 2, 3]
    random.Random(0).shuffle(results)
    assert propose(CELL, results, asked, 1) == first


def test_where_no_trial_reached_the_goal_zooming_fills_the_box(settings: Settings) -> None:
    search = {"sampler": "zoom", "proposals": 4, "limit": 4, "until": 1.001}
    asked = searching(settings, search=search)
    short = [
        replace(result, results=tuple(outcome(Ended.EXHAUSTED, 64) for _ in result.results))
        for result in grid_results(asked)
    ]
    assert vicinity(short, asked.sweep.goals) is None
    rates = [
        one.learning_rate for tried in propose(CELL, short, asked, 1).values() for one in tried
    ]
    box = asked.sweep.learning_rates
    assert min(rates) < box.low * (box.high / box.low) ** 0.25
    assert max(rates) > box.low * (box.high / box.low) ** 0.75


def test_around_the_optimum_is_up_to_the_next_rates_that_anyone_tried(settings: Settings) -> None:
    """Near is within a factor 4 of the replicate's own best, however good others are."""
    asked = searching(settings)
    steps = {0: [512, 256, 64, 128, 1024], 1: [4096, 2048, 1024, 4096, 8192]}
    made = [
        replace(
            result,
            results=tuple(outcome(Ended.REACHED, n) for n in steps[result.race.replicate]),
        )
        for result in grid_results(asked)
    ]
    rates = [[t.learning_rate for t in result.race.trials] for result in made]
    first, second = rates
    near = [*first[1:4], *second[:4]]
    tried = sorted([*first, *second])
    assert vicinity(made, asked.sweep.goals) == (
        max([r for r in tried if r < min(near)], default=min(near)),
        min([r for r in tried if r > max(near)], default=max(near)),
    )


def test_zooming_trains_fresh_replicates(settings: Settings, tmp_path: Path) -> None:
    search = {"sampler": "zoom", "proposals": 4, "limit": 8, "until": 1.001}
    engine = PlantedEngine()
    asked = searching(settings, search=search)
    found = searched(design(asked), runner(tmp_path, engine).run)
    by_origin = {
        origin: {race.replicate for race in engine.trained if race.origin == origin}
        for origin in ("grid", "search-1", "search-2")
    }
    assert by_origin == {"grid": {0, 1}, "search-1": {2, 3}, "search-2": {4, 5}}
    for cell in design(asked).feasible():
        row = tuned_rows(found, asked)[cell]
        assert row["method"] == "fitted"
        assert row["edge"] == "", "that a search tried no rate far off is no edge"


def test_no_cell_has_more_proposals_than_the_limit(settings: Settings, tmp_path: Path) -> None:
    asked = searching(settings)
    engine = PlantedEngine()
    searched(design(asked), runner(tmp_path, engine).run)
    proposed: Counter[tuple[Cell, int]] = Counter()
    for race in engine.trained:
        if race.origin != "grid":
            proposed[race.cell, race.replicate] += len(race.trials)
    assert {race.origin for race in engine.trained} == {"grid", "search-1", "search-2", "search-3"}
    assert set(proposed.values()) == {5}
    assert len(proposed) == 8


def test_a_cell_that_is_pinned_gets_no_more(settings: Settings, tmp_path: Path) -> None:
    engine = PlantedEngine()
    strict = searching(settings)
    searched(design(strict), runner(tmp_path, engine).run)
    finished = {
        cell: [result_of(race) for race in engine.trained if race.cell == cell]
        for cell in {race.cell for race in engine.trained}
    }
    ratios = [1.2, 1.5, 2.0, 4.0, 8.0]
    counts = []
    for until in ratios:
        search = strict.sweep.search.model_dump() | {"until": until}
        asked = searching(settings, search=search)
        searched(design(asked), runner(tmp_path / str(until), again := PlantedEngine()).run)
        counts.append(len(again.trained))
        for cell in finished:
            origins = {race.origin for race in again.trained if race.cell == cell}
            own = [result_of(race) for race in again.trained if race.cell == cell]
            assert pinned(tuned_rows(own, asked)[cell], asked) or "search-3" in origins
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < len(engine.trained)


def test_cells_tuned_at_once_are_each_tuned_as_if_alone(settings: Settings) -> None:
    """Else what is proposed in a cell would depend on which others there are."""
    asked = searching(settings, replicates=3)
    results = [result_of(race) for race in design(asked).grid()]
    found = Swept(asked)
    found.add(results)
    cells = design(asked).feasible()
    assert len(cells) > 3, "from three on, errors could be drawn towards each other"
    for cell in cells:
        (alone,) = tuned_rows(found.of(cell), asked).values()
        assert found.row(cell).to_dict() == alone.to_dict()
        assert alone["method"] == "fitted"


def test_how_a_study_is_analysed_decides_nothing_that_it_trains(settings: Settings) -> None:
    asked = searching(settings)
    results = [result_of(race) for race in design(asked).grid()]
    doubtful = asked.model_copy(
        update={"analysis": asked.analysis.model_copy(update={"confidence": 0.5})}
    )
    for cell, row in tuned_rows(results, asked).items():
        assert row.to_dict() == tuned_rows(results, doubtful)[cell].to_dict()


def test_without_a_sampler_only_the_design_is_trained(settings: Settings, tmp_path: Path) -> None:
    asked = by(settings, "none")
    engine = PlantedEngine()
    searched(design(asked), runner(tmp_path, engine).run)
    assert {race.origin for race in engine.trained} == {"grid"}


@pytest.mark.parametrize("search", ["zoom", slow("tpe"), slow("tpe of three")])
def test_a_search_stopped_at_any_cohort_goes_on_as_if_it_had_not_been(
    search: str, settings: Settings, tmp_path: Path
) -> None:
    asked = searching(settings, **(JOINT if search == "tpe of three" else {}))
    sampler = asked.sweep.search.model_copy(update={"sampler": search.split()[0]})
    sweep = asked.sweep.model_copy(update={"search": sampler})
    asked = asked.model_copy(update={"models": ("mlp",), "sweep": sweep})
    whole = PlantedEngine()
    found = searched(design(asked), runner(tmp_path / "whole", whole).run)
    cohorts = 10_000 - whole.patience
    assert cohorts > 2 + 2 * 2
    for patience in range(cohorts):
        first, second = PlantedEngine(patience), PlantedEngine()
        with pytest.raises(KeyboardInterrupt):
            searched(design(asked), runner(tmp_path / str(patience), first).run)
        resumed = searched(design(asked), runner(tmp_path / str(patience), second).run)
        assert [r.race for r in resumed] == [r.race for r in found]
        once = Counter(race.fingerprint for race in [*first.trained, *second.trained])
        assert once == Counter(race.fingerprint for race in whole.trained)


@pytest.mark.skipif(importlib.util.find_spec("cmaes") is not None, reason="cmaes is installed")
def test_cma_es_without_its_package_is_refused_before_anything_is_trained(
    settings: Settings, tmp_path: Path
) -> None:
    engine = PlantedEngine()
    with pytest.raises(ValueError, match="Optuna needs the package cmaes"):
        searched(design(by(settings, "cmaes", **JOINT)), runner(tmp_path, engine).run)
    assert not engine.trained


def test_confirm_trains_the_whole_tuned_setting(settings: Settings) -> None:
    asked = searching(settings, **JOINT)
    tuned = {Cell("mlp", 64): TunedSetting(Hyperparameters(0.1, 0.5, 0.001))}
    chosen = {
        (a.race.cell.batch_size, a.rule): a.race.trials[0].hyperparameters
        for a in design(asked).confirm(tuned, 64)
    }
    assert chosen[64, "tuned"] == chosen[64, "constant"] == (0.1, 0.5, 0.001)
    assert chosen[8, "linear"] == (0.0125, 0.5, 0.001)

"""Rounds of proposals: where they lie, when they end, and that a stop changes nothing."""

from __future__ import annotations

import importlib.util
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from pipeline.design import Design
from pipeline.ledger import Ledger
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.studies.pinned import pinned, tuned_row
from pipeline.studies.proposals import propose
from pipeline.study.sweep import searched
from pipeline.trial import Cell, Hyperparameters
from tests.pipeline.studies.planted_races import BEST, PlantedEngine, result_of, searching

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
    tried = propose(CELL, results, asked, 1)
    assert 1 <= len(tried) <= 3
    assert list(tried) == sorted(set(tried))
    for one in tried:
        assert 0.003 <= one.learning_rate <= 10
        assert 0 <= one.momentum <= 0.95
        assert 1e-5 <= one.weight_decay <= 1e-2
    random.Random(0).shuffle(results)
    assert tried == propose(CELL, results, asked, 1)
    assert tried != propose(CELL, results, asked, 2)


def test_what_is_not_searched_keeps_its_value(settings: Settings) -> None:
    asked = by(settings, "random")
    training = asked.training.model_copy(update={"momentum": 0.9, "weight_decay": 0.001})
    asked = asked.model_copy(update={"training": training})
    tried = propose(CELL, grid_results(asked), asked, 1)
    assert {one[1:] for one in tried} == {(0.9, 0.001)}


def test_the_gp_looks_near_the_optimum_and_not_at_the_edge_of_divergence(
    settings: Settings,
) -> None:
    asked = by(settings, "gp")
    for one in propose(CELL, grid_results(asked), asked, 1):
        assert BEST / 8 < one.learning_rate < BEST * 8


def test_nothing_is_proposed_from_nothing(settings: Settings) -> None:
    assert propose(CELL, [], by(settings, "gp"), 1) == ()


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
            assert pinned(tuned_row(own, asked), asked) or "search-3" in origins
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < len(engine.trained)


def test_without_a_sampler_only_the_design_is_trained(settings: Settings, tmp_path: Path) -> None:
    asked = by(settings, "none")
    engine = PlantedEngine()
    searched(design(asked), runner(tmp_path, engine).run)
    assert {race.origin for race in engine.trained} == {"grid"}


@pytest.mark.parametrize("joint", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_search_stopped_at_any_cohort_goes_on_as_if_it_had_not_been(
    joint: bool, settings: Settings, tmp_path: Path
) -> None:
    asked = searching(settings, **(JOINT if joint else {})).model_copy(update={"models": ("mlp",)})
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
    tuned = {Cell("mlp", 64): Hyperparameters(0.1, 0.5, 0.001)}
    chosen = {
        (a.race.cell.batch_size, a.rule): a.race.trials[0].hyperparameters
        for a in design(asked).confirm(tuned, 64)
    }
    assert chosen[64, "tuned"] == chosen[64, "constant"] == (0.1, 0.5, 0.001)
    assert chosen[8, "linear"] == (0.0125, 0.5, 0.001)

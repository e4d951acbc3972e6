"""The grid goes on beyond an edge that the best lies at, and a stop changes nothing."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.design import Design
from pipeline.ledger import Ledger
from pipeline.points import learning_rate_grid
from pipeline.runner import Runner
from pipeline.settings import LearningRates, Settings
from pipeline.studies.pinned import tuned_rows
from pipeline.studies.projection import frozen_trials, subject_of
from pipeline.studies.proposals import propose
from pipeline.study.sweep import searched
from pipeline.trial import Cell, Race
from tests.pipeline.studies.planted_races import BEST, PlantedEngine, result_of, searching

ABOVE = {"low": 0.6, "high": 2.4, "points": 5}  # the best, 0.3, lies below the box
BELOW = {"low": 0.01, "high": 0.08, "points": 5}  # and above this one


def study(settings: Settings, box: dict[str, float], rounds: int = 4, **sweep: Any) -> Settings:
    search = {"sampler": "none", "proposals": 2, "limit": 2, "until": 1.001}
    expand = {"rounds": rounds, "points": 2}
    return searching(
        settings, **{"learning_rates": box, "search": search, "expand": expand} | sweep
    )


def design(settings: Settings) -> Design:
    return Design(settings, "digest", 1347, (8, 64), "cpu", lambda *_: "")


def trained(settings: Settings, folder: Path, engine: PlantedEngine | None = None) -> list[Race]:
    runner = Runner(
        "sweep", Ledger(folder, pytest.fail), engine or PlantedEngine(), (), 36, lambda _: None
    )
    return [result.race for result in searched(design(settings), runner.run)]


def rates(races: list[Race], cell: Cell, replicate: int) -> np.ndarray:
    found = [r for r in races if r.cell == cell and r.replicate == replicate]
    return np.sort([trial.learning_rate for race in found for trial in race.trials])


@pytest.mark.parametrize("box", [ABOVE, BELOW], ids=["below the box", "above the box"])
def test_the_grid_goes_on_until_the_best_is_inside(
    box: dict[str, float], settings: Settings, tmp_path: Path
) -> None:
    asked = study(settings, box)
    races = trained(asked, tmp_path)
    origins = {race.origin for race in races}
    assert {"grid", "expansion-1", "expansion-2"} <= origins
    spacing = math.log(box["high"] / box["low"]) / 5
    for cell in {race.cell for race in races}:
        own = [result_of(race) for race in races if race.cell == cell]
        row = tuned_rows(own, asked)[cell]
        assert row["edge"] == ""
        assert row["low"] <= row["learning_rate"] <= row["high"]
        assert BEST / 1.5 < row["learning_rate"] < BEST * 1.5
        for replicate in (0, 1):
            steps = np.diff(np.log(rates(races, cell, replicate)))
            np.testing.assert_allclose(steps, spacing, rtol=1e-4)
            assert len(steps) + 1 > 5


def test_only_cells_with_an_edge_are_expanded(settings: Settings, tmp_path: Path) -> None:
    asked = study(settings, {"low": 0.02, "high": 8.0, "points": 5})
    assert {race.origin for race in trained(asked, tmp_path)} == {"grid"}


@pytest.mark.parametrize("rounds", [0, 1])
def test_an_edge_that_is_left_at_the_limit_stays_flagged(
    rounds: int, settings: Settings, tmp_path: Path
) -> None:
    asked = study(settings, BELOW, rounds)
    races = trained(asked, tmp_path)
    assert Counter(race.origin for race in races) == Counter(
        {"grid": 8} | ({"expansion-1": 8} if rounds else {})
    )
    for cell in {race.cell for race in races}:
        own = [result_of(race) for race in races if race.cell == cell]
        assert tuned_rows(own, asked)[cell]["edge"] == "high"


def test_a_box_where_all_diverge_is_left_downwards(settings: Settings, tmp_path: Path) -> None:
    asked = study(settings, {"low": 4.0, "high": 9.0, "points": 5}, rounds=9)
    races = trained(asked, tmp_path)
    assert min(t.learning_rate for race in races for t in race.trials) < BEST
    assert max(t.learning_rate for race in races for t in race.trials) < 9


def test_designs_of_points_that_are_no_grid_keep_to_their_box(
    settings: Settings, tmp_path: Path
) -> None:
    asked = study(settings, BELOW | {"points": 4}, design="sobol")
    assert {race.origin for race in trained(asked, tmp_path)} == {"grid"}
    assert asked.sweep.reach == (0.01, 0.08)


def test_a_sweep_stopped_at_any_cohort_expands_the_same(settings: Settings, tmp_path: Path) -> None:
    search = {"sampler": "tpe", "proposals": 2, "limit": 2, "until": 1.001}
    asked = study(settings, ABOVE, search=search).model_copy(update={"models": ("mlp",)})
    whole = PlantedEngine()
    found = trained(asked, tmp_path / "whole", whole)
    assert {"grid", "expansion-1", "expansion-2", "search-1"} <= {race.origin for race in found}
    for patience in range(10_000 - whole.patience):
        first, second = PlantedEngine(patience), PlantedEngine()
        with pytest.raises(KeyboardInterrupt):
            trained(asked, tmp_path / str(patience), first)
        assert trained(asked, tmp_path / str(patience), second) == found
        once = Counter(race.fingerprint for race in [*first.trained, *second.trained])
        assert once == Counter(race.fingerprint for race in whole.trained)


def test_a_search_looks_where_the_cell_was_expanded_to(settings: Settings, tmp_path: Path) -> None:
    search = {"sampler": "gp", "proposals": 4, "limit": 4, "until": 1.001}
    asked = study(settings, BELOW, search=search)
    cell = Cell("mlp", 8)
    grid = [result_of(race) for race in design(asked).grid() if race.cell == cell]
    assert all(one.learning_rate <= 0.08 for one in propose(cell, grid, asked, 1)[0])
    unsearched = study(settings, BELOW)
    races = [race for race in trained(unsearched, tmp_path) if race.cell == cell]
    proposed = propose(cell, [result_of(race) for race in races], asked, 1)[0]
    widest = max(trial.learning_rate for race in races for trial in race.trials)
    assert any(0.08 < one.learning_rate <= widest for one in proposed)


def test_all_trials_of_an_optuna_study_share_one_space(settings: Settings, tmp_path: Path) -> None:
    asked = study(settings, ABOVE)
    about = {"dataset": "digits", "data_digest": "d", "train_examples": 1347}
    subject = subject_of("mlp", asked, **about, phase="sweep")
    races = [race for race in trained(asked, tmp_path) if race.cell.model == "mlp"]
    trials = [t for race in races for t in frozen_trials(result_of(race), subject, asked)]
    [space] = {repr(sorted(trial.distributions.items())) for trial in trials}
    assert "learning_rate" in space
    assert min(trial.params["learning_rate"] for trial in trials) < 0.6
    closed = subject_of("mlp", study(settings, ABOVE, rounds=0), **about, phase="sweep")
    assert closed.digest != subject.digest


def test_parts_beyond_the_box_have_the_grids_spacing_and_shift() -> None:
    box = LearningRates(low=0.1, high=1.6, points=4)
    larger = LearningRates(low=0.05, high=6.4, points=7)
    for replicate in range(3):
        inside = learning_rate_grid(box, 0, replicate)
        below = learning_rate_grid(box, 0, replicate, range(-1, 0))
        above = learning_rate_grid(box, 0, replicate, range(4, 6))
        joined = learning_rate_grid(larger, 0, replicate)
        np.testing.assert_allclose((*below, *inside, *above), joined, rtol=1e-5)

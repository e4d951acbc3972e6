"""What must not grow faster than the number of trials is counted; shortcuts equal their twins."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks.generated import Generator
from pipeline.basin import basin
from pipeline.design import Design
from pipeline.figures import Study, draw
from pipeline.figures.figure import Figure
from pipeline.finickiness.grid import grid_curves
from pipeline.ledger import Ledger
from pipeline.observations import observations
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.studies import pinned
from pipeline.study.sweep import searched, swept_tables
from pipeline.trial import Cell, Race
from tests.pipeline.edge_studies import settings_for, study_of, synthetic_tables
from tests.pipeline.synthetic import TRAIN_EXAMPLES
from tests.pipeline.test_report import html_of

MODELS, SIZES = ("mlp", "conv", "lenet"), (1, 4, 16, 64, 256, TRAIN_EXAMPLES)
NAME = "loss_against_learning_rate"


@pytest.fixture(scope="module")
def small() -> Settings:
    settings = settings_for(MODELS[:2], SIZES[1:4])
    expand = settings.sweep.expand.model_copy(update={"rounds": 2})
    search = settings.sweep.search.model_copy(
        update={"sampler": "random", "limit": 8, "until": 1.01}
    )
    return settings.model_copy(
        update={"sweep": settings.sweep.model_copy(update={"expand": expand, "search": search})}
    )


@pytest.fixture(scope="module")
def large() -> Study:
    """The synthetic study with nine times the replicates in its sweep: 5,508 trials."""
    study = study_of(synthetic_tables(), settings_for(MODELS, SIZES))
    again = [study.sweep.assign(replicate=study.sweep["replicate"] + 3 * i) for i in range(9)]
    return replace(study, sweep=pd.concat(again, ignore_index=True))


@pytest.fixture(scope="module")
def losses(large: Study) -> Figure:
    return next(figure for figure in draw(large) if figure.name == NAME)


def design(settings: Settings) -> Design:
    return Design(settings, "digest", TRAIN_EXAMPLES, SIZES[1:4], "cpu", lambda *_: "")


class Idle:
    """An engine that must not be asked."""

    workers = 1

    def run(self, cohorts: Any) -> Any:
        assert not cohorts
        return iter(())


def test_a_generated_ledger_lacks_nothing_and_no_cell_is_tuned_twice_for_the_same_results(
    small: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path, pytest.fail)
    made = searched(design(small), Generator(ledger, small.models).run)
    seen: Counter[tuple[Cell, frozenset[str]]] = Counter()
    tune = pinned.tuned_rows

    def counted(results: list[RaceResult], settings: Settings) -> Any:
        for cell in {result.race.cell for result in results}:
            own = (result.race for result in results if result.race.cell == cell)
            seen[cell, frozenset(race.fingerprint for race in own)] += 1
        return tune(results, settings)

    monkeypatch.setattr(pinned, "tuned_rows", counted)
    runner = Runner("sweep", ledger, Idle(), (), 36, lambda _: None)  # type: ignore[arg-type]
    found = searched(design(small), runner.run)
    assert [one.race for one in found] == [one.race for one in made]
    assert {one.race.origin for one in found} >= {"grid", "search-1", "search-2"}
    assert len(seen) > 6  # of the grid, and of some rounds after it
    assert set(seen.values()) == {1}


def test_cells_are_counted_once_over_all_races(small: Settings, tmp_path: Path) -> None:
    looked = Counter[str]()

    class Counted(RaceResult):
        def __getattribute__(self, name: str) -> Any:
            looked[name] += 1
            return super().__getattribute__(name)

    made = Generator(Ledger(tmp_path, pytest.fail), small.models).run(design(small).grid())
    watched = [Counted(**vars(result)) for result in made]
    before = looked["race"]
    table = swept_tables(design(small), watched)["cells"]
    assert table["trials"].tolist() == [36] * 6
    asked = looked["race"] - before
    again = Counter(looked)
    doubled = small.model_copy(update={"models": ("mlp", "conv", "dense", "local")})
    swept_tables(design(doubled), watched)
    assert looked["race"] - again["race"] == asked  # more cells, no more looks


def test_basin_is_that_of_its_slow_twin() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(7), 12)
    x = np.concatenate([np.sort(rng.uniform(-5, 2, 12)) for _ in range(7)])
    y = 8 + 0.5 * (x + 1) ** 2 + rng.normal(scale=0.2, size=len(x))
    near = y < 9.5
    y = np.where(near, y, np.where(rng.uniform(size=len(x)) < 0.3, -np.inf, 9.5))
    found = basin(x, y, group, near)
    assert found is not None
    places = np.linspace(*found.reach, 121)
    squares = np.array([
        _slow_squares(x[group == i], y[group == i], near[group == i], places) for i in range(7)
    ])
    left_out = np.array([
        _lowest(places, np.delete(squares, i, axis=0).sum(axis=0).min(axis=1)) for i in range(7)
    ])
    assert found.value == _lowest(places, squares.sum(axis=0).min(axis=1))
    assert found.error == np.sqrt(6 / 7 * np.sum((left_out - left_out.mean()) ** 2))


def _slow_squares(x: Any, y: Any, near: Any, places: Any) -> Any:
    steep, curvature = np.geomspace(0.3, 60, 24), np.geomspace(0.1, 20, 240)
    u = x - places[:, None]
    rise = np.expm1(np.minimum(steep[:, None] * u[:, None], 50)) / steep[:, None]
    rises = (rise - u[:, None]) / np.log(2)
    off = y - np.concatenate([rises, curvature[:, None] * u[:, None] ** 2], axis=1)
    off -= off[..., near].mean(axis=-1, keepdims=True)
    off[..., ~near] = np.maximum(off[..., ~near], 0)
    return (off**2).sum(axis=-1)


def _lowest(places: Any, profile: Any) -> float:
    best = int(np.argmin(profile))
    assert 0 < best < len(places) - 1
    left, middle, right = profile[best - 1 : best + 2]
    shift = 0.5 * (left - right) / (left - 2 * middle + right)
    return float(places[best] + shift * (places[1] - places[0]))


def test_grid_curves_are_those_cut_by_pandas() -> None:
    tables = synthetic_tables()
    shuffled = tables.sweep_trials.sample(frac=1, random_state=0)
    found = grid_curves(shuffled, tables.sweep_curves, quantity="error", goal=0.05)
    seen = observations(
        tables.sweep_trials, tables.sweep_curves, quantity="error", goals=[0.05]
    ).query("kind != 'missing'")
    parts = list(seen.groupby(["model", "batch_size", "replicate"]))
    assert [(one.model, one.batch_size, one.replicate) for one in found] == [k for k, _ in parts]
    for one, (_, part) in zip(found, parts, strict=True):
        part = part.sort_values("learning_rate")
        np.testing.assert_array_equal(one.rate, np.log10(part["learning_rate"].to_numpy()))
        np.testing.assert_array_equal(one.cost, np.log2(np.maximum(part["steps"].to_numpy(), 1)))
        np.testing.assert_array_equal(one.reached, part["kind"].to_numpy() == "reached")


def test_no_replicate_is_cut_where_trials_are_too_many_to_draw(
    large: Study, losses: Figure
) -> None:
    specification: Any = losses.specification
    points = [
        row
        for panel in specification["concat"]
        for layer in panel["layer"]
        if layer["mark"]["type"] == "point"
        for row in specification["datasets"][layer["data"]["name"]]
    ]
    shown = large.sweep[large.sweep["ended"] != "failed"]
    drawn = Counter(row["replicate"] for row in points)
    assert len(shown) > 4_000 >= len(points) > 4_000 - len(shown) / 27
    assert drawn == Counter(shown["replicate"][shown["replicate"] < len(drawn)])
    assert f"{len(points):,} of {len(shown):,} trials" in losses.caption
    assert f"{len(shown)} trials" in losses.summary  # which is of all


def test_losses_of_a_large_study_take_half_a_page_at_most(losses: Figure) -> None:
    written = len(json.dumps(losses.specification)) + len(losses.svg()) * 4 / 3  # in base 64
    assert written < 5_000_000


@pytest.mark.slow
def test_page_of_a_large_study_stays_small(large: Study) -> None:
    page = html_of(large, settings_for(MODELS, SIZES))
    assert len(page.encode()) < 10_000_000


def test_generated_results_are_those_in_the_ledger(small: Settings, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path, pytest.fail)
    races: tuple[Race, ...] = design(small).grid()
    for result in Generator(ledger, small.models).run(races):
        kept = ledger.read(result.race.fingerprint)
        assert kept is not None
        assert kept.race == result.race
        for one, other in zip(kept.results, result.results, strict=True):
            assert one.ended == other.ended
            for name, column in vars(one.curve).items():
                np.testing.assert_array_equal(column, getattr(other.curve, name))

"""What `study plan` counts as left, against what is then trained. Results are made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.study.catalogue import Entry
from pipeline.study.cost import SweepLeft, cost, sweep_left
from pipeline.study.places import Places, ledger_folder
from pipeline.study.session import design_of
from pipeline.study.survey import Survey, survey
from pipeline.study.sweep import searched
from pipeline.trial import Cell
from tests.pipeline.studies.planted_races import PlantedEngine, searching
from tests.slow import slow

ZOOM = {"sampler": "zoom", "proposals": 4, "limit": 4, "until": 1.001}
INSIDE = {"low": 0.02, "high": 8.0, "points": 5}  # the best, 0.3, lies well within
ABOVE = {"low": 0.6, "high": 2.4, "points": 5}  # and below this box

MakeStudy = Callable[..., Entry]


@pytest.fixture
def make(
    settings: Settings, prepared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> MakeStudy:
    """Makes studies of one network at two batch sizes, two replicates and five rates."""
    monkeypatch.chdir(tmp_path)

    def make(**sweep: Any) -> Entry:
        asked = searching(settings, **sweep).model_copy(update={"models": ("mlp",)})
        return Entry("planted", asked, Places("planted", prepared=prepared_folder))

    return make


def swept(found: Entry, patience: int = 10_000) -> PlantedEngine:
    """Sweep until it is finished, or stopped after a number of cohorts, each a cell's round."""
    engine = PlantedEngine(patience)
    ledger = Ledger(ledger_folder(), pytest.fail)
    design = design_of(found.settings, read_manifest(found.places.prepared))
    with suppress(KeyboardInterrupt):
        searched(design, Runner("sweep", ledger, engine, (), 36, lambda _: None).run)
    return engine


def left(found: Entry, seen: Survey) -> dict[Cell, int]:
    rows = cost(found, seen)["cells"]
    return {Cell(row["model"], row["batch_size"]): row["sweep"] for row in rows}


def test_a_search_but_for_one_race_has_that_race_left(make: MakeStudy) -> None:
    found = make(learning_rates=INSIDE, search=ZOOM, expand={"rounds": 2, "points": 3})
    grid = survey(found, pytest.fail)
    assert set(left(found, grid).values()) == {(5 + 2 * 3 + 4) * 2}
    last = next(race for race in swept(found).trained if race.origin == "search-1")
    assert set(left(found, survey(found, pytest.fail)).values()) == {0}
    Ledger(ledger_folder(), pytest.fail).forget(last.fingerprint)
    seen = survey(found, pytest.fail)
    assert not seen.sweep.complete
    assert left(found, seen) == {Cell("mlp", n): 4 * (n == last.cell.batch_size) for n in (8, 64)}
    assert sweep_left(found.settings.sweep, seen, last.cell) == SweepLeft(0, 0, 4)


def test_expansion_that_is_planned_may_go_on_and_a_search_may_follow(make: MakeStudy) -> None:
    found = make(learning_rates=ABOVE, search=ZOOM, expand={"rounds": 3, "points": 2})
    swept(found, patience=2)
    seen = survey(found, pytest.fail)
    assert {race.origin for race in seen.sweep.missing} == {"expansion-1"}
    for cell in seen.recipes:
        assert sweep_left(found.settings.sweep, seen, cell) == SweepLeft(2 * 2, 2 * 2 * 2, 4 * 2)


@pytest.mark.parametrize(
    ("box", "sampler", "until"),
    [
        (INSIDE, "zoom", 1.4),
        slow(ABOVE, "zoom", 1.001),
        slow(ABOVE, "random", 1.3),
    ],
)
def test_at_no_moment_is_more_trained_than_was_said_to_be_left(
    box: dict[str, float], sampler: str, until: float, make: MakeStudy
) -> None:
    search = {"sampler": sampler, "proposals": 2, "limit": 5, "until": until}
    found = make(learning_rates=box, search=search, expand={"rounds": 3, "points": 2})
    said, trained = [left(found, survey(found, pytest.fail))], list[Counter[Cell]]()
    origins: set[str] = set()
    while races := swept(found, patience=1).trained:
        trained.append(Counter(race.cell for race in races for _ in race.trials))
        said.append(left(found, survey(found, pytest.fail)))
        origins |= {race.origin for race in races}
    assert {"grid", "search-1"} < origins
    for now, before, after in zip(trained, said, said[1:], strict=False):
        assert all(now[cell] <= most - after[cell] for cell, most in before.items())
    assert set(said[-1].values()) == {0}

"""The pilot of a study whose goals are auto: what it trains, and what follows everywhere else."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.design import Design
from pipeline.ledger import Ledger
from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.settings import Settings
from pipeline.study.goals import GOALS, known_goals
from pipeline.study.pilot import piloted
from pipeline.study.places import Places
from pipeline.trial import Race
from tests.pipeline.studies.planted_races import searching


def auto(settings: Settings) -> Settings:
    tree = searching(settings).model_dump(mode="json")
    tree["sweep"]["goals"]["levels"] = "auto"
    return Settings.model_validate(tree)


def design(settings: Settings, infeasible: str = "") -> Design:
    return Design(
        settings,
        "digest",
        1347,
        (8, 64),
        "cpu",
        lambda m, b: "no" if f"{m}{b}" == infeasible else "",
    )


def levelled(race: Race) -> RaceResult:
    """Every trial settles at an error that is its own."""
    results = []
    for trial in race.trials:
        level = 0.05 + abs(np.log(trial.learning_rate / 0.3)) / 20
        errors = np.array([0.9, 0.5, level, level])
        results.append(TrialResult(Ended.EXHAUSTED, Curve(np.arange(4), errors, *[errors] * 4)))
    return RaceResult(race, tuple(results), 1.6e9, 2.0, {})


def train(races: Sequence[Race]) -> list[RaceResult]:
    return [levelled(race) for race in races]


def test_every_network_trains_the_grid_to_the_full_budget_unraced(settings: Settings) -> None:
    made = design(auto(settings))
    races = made.pilot()
    assert {(race.cell.model, race.cell.batch_size) for race in races} == {
        ("mlp", 64),
        ("conv", 64),
    }
    assert sorted({race.replicate for race in races}) == [2000, 2001, 2002]
    assert {race.origin for race in races} == {"pilot"}
    assert all((race.recipe.goal, race.recipe.race) == (None, None) for race in races)
    assert all(len(race.trials) == 5 for race in races)
    budget = made.settings.sweep.budget.max_steps(64, 1347)
    assert {race.recipe.max_steps for race in races} == {budget}
    grids = {tuple(t.learning_rate for t in race.trials) for race in races}
    assert len(grids) == 3, "a grid shift a replicate, the same for both networks"


def test_a_network_that_cannot_train_at_the_reference_is_piloted_above_it(
    settings: Settings,
) -> None:
    tree = auto(settings).model_dump(mode="json")
    tree["confirm"]["reference_batch_size"] = 8
    made = design(Settings.model_validate(tree), "conv8")
    assert {(r.cell.model, r.cell.batch_size) for r in made.pilot()} == {("mlp", 8), ("conv", 64)}


def test_a_pilot_that_no_network_can_train_is_refused(settings: Settings) -> None:
    made = replace(design(auto(settings)), infeasible=lambda *_: "one value per channel")
    with pytest.raises(ValueError, match="none of models can train at the reference batch size"):
        piloted(made, 225, lambda _: pytest.fail("nothing is to be trained"))


def test_goals_that_are_auto_become_numbers_in_every_fingerprint(settings: Settings) -> None:
    made = design(auto(settings))
    with pytest.raises(ValueError, match="auto, and no pilot has found the goals yet"):
        made.grid()
    found = piloted(made, 225, train)
    assert found.settings.sweep.goals.hardest == found.document["levels"][-1]
    by_hand = replace(made, settings=auto(settings).with_goals(found.document["levels"]))
    assert replace(made, settings=found.settings).grid() == by_hand.grid()
    assert {race.recipe.goal for race in by_hand.grid()} == {found.settings.sweep.goals.hardest}


def test_goals_that_are_given_need_no_pilot(settings: Settings) -> None:
    asked = searching(settings)
    found = piloted(design(asked), 225, lambda _: pytest.fail("nothing is to be trained"))
    assert (found.settings, found.results) == (asked, ())


def test_the_order_of_results_moves_no_goal(settings: Settings) -> None:
    made = design(auto(settings))
    forwards = piloted(made, 225, train)
    backwards = piloted(made, 225, lambda races: train(races)[::-1])
    assert forwards.document == backwards.document


def test_later_stages_read_what_the_sweep_wrote(settings: Settings, tmp_path: Path) -> None:
    asked, places = auto(settings), Places(results=tmp_path)
    with pytest.raises(ValueError, match=r"goals.json is missing, which the sweep writes; run"):
        known_goals(asked, places)
    found = piloted(design(asked), 225, train)
    places.sweep.mkdir()
    (places.sweep / GOALS).write_text(json.dumps(found.document))
    assert known_goals(asked, places) == found.settings
    for damaged in ("{", "[]", "{}"):
        (places.sweep / GOALS).write_text(damaged)
        with pytest.raises(ValueError, match=r"goals.json holds no goals .*; remove it"):
            known_goals(asked, places)
    given = searching(settings)
    assert known_goals(given, Places(results=tmp_path / "nowhere")) is given


def test_a_pilot_is_filed_and_read_back(settings: Settings, tmp_path: Path) -> None:
    made, ledger = design(auto(settings)), Ledger(tmp_path, pytest.fail)
    for race in made.pilot():
        ledger.write(levelled(race))
    kept = [ledger.read(race.fingerprint) for race in made.pilot()]
    again = piloted(made, 225, lambda _: [result for result in kept if result])
    assert again.document == piloted(made, 225, train).document

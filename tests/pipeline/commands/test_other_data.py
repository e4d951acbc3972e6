"""What is said of DVC's study once params.yaml names other data than data/prepared holds."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.runner import Runner
from pipeline.settings_file import load_settings
from pipeline.study import calibrate as timing
from pipeline.study.places import PARAMS, PREPARED, Places, ledger_folder
from pipeline.study.preparation import prepared_folder
from pipeline.study.session import design_of
from pipeline.study.sweep import searched
from tests.pipeline.conftest import ROOT
from tests.pipeline.studies.planted_races import PlantedEngine
from tests.tiny import change

OTHERS = [{"data.split_seed": "1"}, {"data.dataset": "fashion_mnist"}]
SWEPT = 2 * 2 * 4  # batch sizes, replicates and learning rates


@pytest.fixture(autouse=True)
def project(tmp_path: Path, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study of digits, whose sweep is in the ledger."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared_folder, PREPARED)
    shutil.copy(ROOT / "params.yaml", PARAMS)
    change(
        PARAMS,
        {
            "models": "[mlp]",
            "sweep.batch_sizes": "[8, 64]",
            "sweep.learning_rates.points": "4",
            "sweep.replicates": "2",
            "sweep.expand.rounds": "0",
            "sweep.search.sampler": "none",
        },
    )
    design = design_of(load_settings(PARAMS), read_manifest(PREPARED))
    ledger = Ledger(ledger_folder(), pytest.fail)
    searched(design, Runner("sweep", ledger, PlantedEngine(), (), 36, lambda _: None).run)
    return tmp_path


def asked(*words: str) -> Any:
    ended = CliRunner().invoke(app, [*words, "--json"])
    assert ended.exit_code == 0, ended.exception
    return json.loads(ended.stdout)


def state() -> tuple[str, int]:
    (dvc,) = asked("study", "list")
    assert asked("study", "show", "dvc") == dvc
    assert bool(dvc["tuned"]) == bool(dvc["sweep"]["done"])
    return dvc["state"], dvc["sweep"]["done"]


@pytest.mark.parametrize("changes", OTHERS, ids=str)
def test_a_study_of_data_that_are_not_prepared_says_so(changes: dict[str, str]) -> None:
    before = PARAMS.read_bytes()
    assert state() == ("interrupted", SWEPT)
    change(PARAMS, changes)
    assert state() == ("not prepared", 0)
    ended = CliRunner().invoke(app, ["study", "export", "dvc", "--output", "out"])
    assert isinstance(ended.exception, ValueError)
    assert not Path("out").exists()
    PARAMS.write_bytes(before)
    assert state() == ("interrupted", SWEPT)


def test_a_plan_is_of_the_data_that_the_settings_name() -> None:
    before = asked("study", "plan", "--no-time")
    change(PARAMS, {"data.split_seed": "1"})
    after = asked("study", "plan", "--no-time")
    assert (before["in_ledger"], after["in_ledger"]) == (SWEPT, 0)
    assert after["most"]["trials"] >= before["most"]["trials"] + SWEPT
    assert state() == ("not started", 0)
    assert read_manifest(PREPARED).split_seed == 0  # which is DVC's


def test_a_plan_does_without_a_folder_of_dvc_that_is_damaged() -> None:
    (PREPARED / "manifest.json").write_text("{")
    assert asked("study", "plan", "--no-time")["in_ledger"] == SWEPT
    assert state() == ("interrupted", SWEPT)


@pytest.mark.parametrize("changes", OTHERS, ids=str)
def test_data_that_are_not_prepared_are_not_timed(
    changes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "calibrate", lambda *_: pytest.fail("it times digits"))
    change(PARAMS, changes)
    ended = CliRunner().invoke(app, ["calibrate", "--write"])
    assert isinstance(ended.exception, ValueError)
    assert "are not prepared; run batchscope study plan --no-time --params params.yaml" in str(
        ended.exception
    )
    assert not ended.stdout


def test_data_that_the_settings_name_are_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Path] = []

    def measure(_: object, places: Places, *__: object) -> None:
        seen.append(places.prepared)
        raise ValueError("that is enough")

    monkeypatch.setattr(timing, "calibrate", measure)
    CliRunner().invoke(app, ["calibrate"])
    change(PARAMS, {"data.split_seed": "1"})
    asked("study", "plan", "--no-time")
    CliRunner().invoke(app, ["calibrate"])
    assert seen == [PREPARED, prepared_folder(load_settings(PARAMS).data)]
    assert [read_manifest(folder).split_seed for folder in seen] == [0, 1]

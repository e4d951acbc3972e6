"""Timing: what is timed is what training does, and what can't be timed is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from pipeline import calibration
from pipeline.calibration import Conditions, seconds_per_evaluation, seconds_per_step
from pipeline.images import Prepared
from pipeline.kernel_choice import Choice, Timing
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.study import calibrate as verb
from pipeline.study.calibrate import CellTimes, Effort, calibrate, timed, widths_of
from pipeline.study.places import Places
from pipeline.trial import Cell, Kernel
from tests import json_shapes
from tests.tiny import change

ROOT = Path(__file__).parents[2]
QUICK = Effort((2,), rounds=1, seconds=0.01)


@pytest.fixture
def conditions(settings: Settings) -> Conditions:
    return Conditions(settings.training)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a step of any lane advances by a quarter second an example of its batch."""
    now = 0.0

    def train(_: object, __: object, indices: torch.Tensor, *___: object) -> None:
        nonlocal now
        steps, _replicates, batch = indices.shape
        now += 0.25 * steps * batch

    monkeypatch.setattr(calibration.time, "process_time", lambda: now)
    monkeypatch.setattr("pipeline.lanes.Lane.train", train)


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("seconds", [0.01, 1.0])
@pytest.mark.parametrize(
    ("kernel", "members", "batch_size", "expected"),
    [
        ("stacked", 5, 1, 0.25),
        ("stacked", 5, 4, 1.0),
        ("solo", 1, 1347, 0.25 * 1347),
        ("solo", 8, 4, 8 * 1.0),  # they take turns
    ],
)
def test_the_clock_counts_what_a_step_costs(
    kernel: Kernel,
    members: int,
    batch_size: int,
    expected: float,
    seconds: float,
    prepared: Prepared,
    conditions: Conditions,
) -> None:
    found = seconds_per_step(
        "mlp", batch_size, kernel, members, prepared, conditions, seconds=seconds
    )
    assert found == expected


def test_a_step_takes_some_time(prepared: Prepared, conditions: Conditions) -> None:
    assert seconds_per_step("mlp", 64, "solo", 1, prepared, conditions, seconds=0.05) > 0


def test_one_thread_computes_and_the_others_come_back(
    prepared: Prepared, conditions: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    seen: list[int] = []
    monkeypatch.setattr(
        "pipeline.lanes.Lane.train", lambda *_: seen.append(torch.get_num_threads())
    )
    seconds_per_step("mlp", 4, "solo", 1, prepared, conditions, seconds=0.001)
    assert set(seen) == {1}
    assert torch.get_num_threads() == 2


def test_evaluations_are_timed_too(prepared: Prepared, conditions: Conditions) -> None:
    spent = seconds_per_evaluation("conv", "stacked", 4, prepared, conditions, seconds=0.01)
    assert 0 < spent < 5


def test_observing_changes_no_random_stream_of_the_caller(
    prepared: Prepared, conditions: Conditions
) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    seconds_per_step("mlp", 4, "solo", 1, prepared, conditions, seconds=0.001)
    assert torch.equal(torch.rand(4), expected)


def test_every_variant_of_a_cell_is_timed(prepared: Prepared, conditions: Conditions) -> None:
    times = timed(Cell("mlp", 16), prepared, conditions, Effort((2, 5), rounds=3, seconds=0.005))
    assert {(t.kernel, t.members) for t in times.timings} == {
        ("solo", 1), ("stacked", 2), ("stacked", 5),
    }  # fmt: skip
    assert all(0 < t.minimum <= t.median <= t.maximum for t in times.timings)
    assert times.problems == ()


def test_a_network_that_draws_random_numbers_is_timed_solo(
    prepared: Prepared, conditions: Conditions
) -> None:
    times = timed(Cell("tests.pipeline.networks:dropout", 16), prepared, conditions, QUICK)
    assert {t.kernel for t in times.timings} == {"solo"}
    assert "trains solo" in times.problems[0]


def test_a_cell_that_cannot_train_is_left_out_with_its_reason(
    prepared: Prepared, conditions: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verb, "infeasible", lambda *_: "no variance at batch size 1")
    times = timed(Cell("mlp", 1), prepared, conditions, QUICK)
    assert times == CellTimes(Cell("mlp", 1), (), ("no variance at batch size 1",))


def test_a_variant_that_breaks_is_left_out_with_its_reason(
    prepared: Prepared, conditions: Conditions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("vmap: no batching rule\nfor that")

    monkeypatch.setattr("pipeline.lanes.StackedLane._losses", fail)
    times = timed(Cell("mlp", 4), prepared, conditions, QUICK)
    assert {t.kernel for t in times.timings} == {"solo"}
    assert times.problems == ("stacked at width 2: RuntimeError: vmap: no batching rule",)


def test_widths_follow_the_design(settings: Settings) -> None:
    assert widths_of(settings) == (2, 12, 36)


def test_data_that_are_not_prepared_name_the_remedy(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"manifest\.json is missing; run the prepare stage"):
        calibrate(settings, Places(prepared=tmp_path), QUICK, lambda _: None)


def test_the_proposal_is_made_from_what_was_timed(
    settings: Settings, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faked(cell: Cell, *_: object) -> CellTimes:
        solo, stacked = Timing(cell, "solo", 1, 1, 1, 1), Timing(cell, "stacked", 36, 0.1, 0.1, 0.1)
        return CellTimes(cell, (solo, stacked))

    monkeypatch.setattr(verb, "timed", faked)
    told: list[CellTimes] = []
    found = calibrate(settings, Places(prepared=prepared_folder), QUICK, told.append)
    assert len(told) == len(found.cells) == 5 * 6
    assert found.now == Choice(64, {}, 36)
    assert found.proposed == Choice(1347, {}, 36)
    assert found.seconds_proposed < found.seconds_now


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "calibrate", *arguments], cwd=folder, text=True,
        capture_output=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, prepared_folder: Path) -> Path:
    shutil.copytree(prepared_folder, tmp_path / "data" / "prepared")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    change(
        tmp_path / "params.yaml",
        {"models": "[mlp, 'tests.pipeline.networks:dropout']", "sweep.batch_sizes": "[16, 64]"},
    )
    return tmp_path


def test_the_command_tells_every_cell_and_writes_what_it_proposes(project: Path) -> None:
    ended = run(project, "--width", "2", "--rounds", "1", "--seconds", "0.01", "--write", "--json")
    assert ended.returncode == 0, ended.stderr
    document = json.loads(ended.stdout)
    seen = json_shapes.shape(document)
    assert json_shapes.agrees(seen, json_shapes.frozen("batchscope calibrate"))
    assert len(document["cells"]) == 4
    training = load_settings(project / "params.yaml").training
    assert training.kernel.stacked_up_to == document["proposed"]["stacked_up_to"]
    assert training.cohort_width == document["proposed"]["cohort_width"]


def test_the_command_without_data_ends_with_status_2(project: Path) -> None:
    shutil.rmtree(project / "data")
    ended = run(project)
    assert ended.returncode == 2
    assert "dvc repro" in ended.stderr
    assert "Traceback" not in ended.stderr

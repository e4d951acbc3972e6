"""The selftest passes on this pipeline, and fails on a broken one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.commands.selftest import _lines as shown
from pipeline.quadratic.closed_form import Optimum
from pipeline.quadratic.comparison import CellCheck, Comparison, Measured
from pipeline.quadratic.first_passage import Tuned
from pipeline.quadratic.truth import Truth
from tests import json_shapes

ROOT = Path(__file__).parents[2]


def cell(batch_size: int = 16) -> CellCheck:
    """Everything as it should be, exactly."""
    truth = Truth(batch_size, Optimum(0.25, 649.5), Tuned(0.32, 0.01, 535.0), 0.6, 0.55)
    measured = Measured(
        losses=((0.028, 0.024),) * 20, tuned=0.3, low=0.2, high=0.5, window=0.6, confirmed=0.315,
        log_steps=(6.0, 6.4), expected_log_steps=(6.2, 0.2),
    )  # fmt: skip
    return CellCheck(truth, measured, 0.026, 0.95)


def broken(**changes: object) -> CellCheck:
    whole = cell()
    return replace(whole, measured=replace(whole.measured, **changes))


def test_nothing_is_found_where_all_is_as_it_should_be() -> None:
    found = Comparison((cell(1), cell(4)))
    assert found.faults() == []
    assert found.document()["passed"] is True
    assert json_shapes.agrees(
        json_shapes.shape(found.document()), json_shapes.frozen("batchscope selftest")
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"losses": ((0.05, 0.04),) * 20}, "mean loss at the closed form's steps is +"),
        ({"losses": ((np.nan, np.nan),) * 20}, "mean loss"),
        ({"log_steps": (7.0, 7.0)}, "confirm's mean log of steps is +"),
        ({"losses": ()}, "the mean loss at the closed form's steps could not be measured"),
        ({"log_steps": ()}, "confirm's mean log of steps could not be measured"),
        ({"expected_log_steps": (6.2, 0.0)}, "confirm's mean log of steps could not be measured"),
        ({"low": 0.33}, "tuned learning rates lie outside"),
        ({"window": 0.7}, "windows are 1.17 times"),
        ({"window": np.nan}, "16: no window of learning rates was found"),
        ({"window": 0.0}, "16: no window of learning rates was found"),
        ({"window": None}, "16: no window of learning rates was found"),
        ({"tuned": None, "low": None, "high": None}, "16: no tuned learning rate was found"),
    ],
)
def test_what_is_off_is_found(changes: dict[str, object], fault: str) -> None:
    (told,) = Comparison((broken(**changes),) * 4).faults()[:1]
    assert fault in told


@pytest.mark.parametrize("window", [0.0, None])
def test_what_was_not_found_at_one_batch_size_is_told_and_shown(window: float | None) -> None:
    nothing = broken(
        tuned=None, low=None, high=None, window=window, confirmed=None, log_steps=(), losses=()
    )
    found = Comparison((nothing, *[cell(4**k) for k in range(3, 10)]))
    assert [fault for fault in found.faults() if fault.startswith("batch size 16: ")] == [
        "batch size 16: the mean loss at the closed form's steps could not be measured",
        "batch size 16: confirm's mean log of steps could not be measured",
        "batch size 16: no tuned learning rate was found",
        "batch size 16: no window of learning rates was found",
    ]
    assert any(fault.startswith("windows are ") for fault in found.faults())
    document = json.loads(json.dumps(found.document(), allow_nan=False))
    assert document["cells"][0]["tuned_learning_rate"]["value"] is None
    assert sum(line.startswith("MISS  ") for line in shown(found)) == 5


def test_up_to_three_misses_of_eight_are_chance() -> None:
    cells = [cell(4**k) for k in range(8)]
    missed = broken(low=0.33)
    assert Comparison((*[missed] * 3, *cells[3:])).faults() == []
    assert Comparison((*[missed] * 4, *cells[4:])).faults()


@pytest.mark.slow
def test_the_command_passes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    run = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "selftest", "--json"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    document = json.loads(run.stdout)
    assert [c["batch_size"] for c in document["cells"]] == [4**k for k in range(8)]
    assert list(tmp_path.iterdir()) == [temporary]
    assert not list(temporary.glob("batchscope-selftest-*"))

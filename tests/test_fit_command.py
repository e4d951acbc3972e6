"""`batchscope fit` as a user runs it: the document, the page, the figure, refusals, speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import json_shapes

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "docs" / "examples" / "steps.csv"
NOT_NEEDED = {"torch", "mlflow", "optuna", "pandas", "sklearn", "sqlalchemy", "lightning"}
KEYS = ["value", "low", "high", "bound"]


def run(*arguments: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "fit", *map(str, arguments)], cwd=folder, text=True,
        capture_output=True, timeout=120, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    ended = run(EXAMPLE, "--json")
    assert ended.returncode == 0
    assert ended.stderr.startswith("local: batch size 1 left out: 3 of 5 replicates fell short")
    return json.loads(ended.stdout)


def test_the_document_has_the_frozen_shape(document: dict[str, Any]) -> None:
    assert json_shapes.agrees(json_shapes.shape(document), json_shapes.frozen("batchscope fit"))
    assert list(document) == ["conv", "local", "mlp"]
    for found in document.values():
        assert list(found) == ["s_min", "e_min", "b_crit", "lack_of_fit", "points"]
        assert list(found["b_crit"]) == ["hyperbola", "overhead20", "slope_half"]
        for answer in (found["s_min"], found["e_min"], *found["b_crit"].values()):
            assert list(answer) == KEYS
        assert list(found["lack_of_fit"]) == ["statistic", "p_value", "dof"]
    assert [found["points"] for found in document.values()] == [6, 5, 6]


def test_linear_space_gives_other_numbers_and_says_so(document: dict[str, Any]) -> None:
    linear = json.loads(run(EXAMPLE, "--space", "linear", "--json").stdout)
    for model, found in linear.items():
        logs = document[model]["b_crit"]
        assert found["b_crit"]["hyperbola"]["value"] != logs["hyperbola"]["value"]
        assert found["b_crit"]["slope_half"] == logs["slope_half"]
    assert run(EXAMPLE, "--space", "linear").stdout.startswith("residuals in linear steps, 95 %")


def test_more_confidence_takes_wider_intervals(document: dict[str, Any]) -> None:
    wider = json.loads(run(EXAMPLE, "--confidence", "0.99", "--json").stdout)
    for model, found in wider.items():
        for name, limits in found["b_crit"].items():
            narrow = document[model]["b_crit"][name]
            assert (limits["low"] or 0) <= (narrow["low"] or 0)
            assert limits["high"] >= narrow["high"]


def test_the_figure_shows_every_model(tmp_path: Path) -> None:
    ended = run(EXAMPLE, "--figure", tmp_path / "new" / "out.svg")
    assert ended.returncode == 0
    svg = (tmp_path / "new" / "out.svg").read_text()
    for words in ("hyperbola: conv", "slope_half: local", "overhead20: mlp", "hyperbolas fitted"):
        assert words in svg
    assert "NaN" not in svg


def test_too_few_batch_sizes_are_said_to_resolve_nothing(tmp_path: Path) -> None:
    file = tmp_path / "few.csv"
    file.write_text("model,batch_size,steps\na,1,100\na,8,20\n")
    ended = run(file, "--figure", tmp_path / "few.svg")
    assert ended.returncode == 0
    assert ended.stdout.count("not resolved") == 5
    assert "a: 2 batch sizes with a replicate at the goal, of 3 needed" in ended.stdout
    found = json.loads(run(file, "--json").stdout)["a"]
    assert found["b_crit"]["hyperbola"] == dict.fromkeys(KEYS)
    assert found["lack_of_fit"] is None


@pytest.mark.parametrize(
    ("content", "arguments", "said"),
    [
        ("model,batch_size,steps\na,1,many\n", [], "line 2, column steps: 'many' is not a number"),
        ("model,steps\na,1\n", [], "no column batch_size"),
        (
            "model,batch_size,steps\na,1,5\n",
            ["--confidence", "95"],
            "--confidence 95.0 is no level",
        ),
        ("model,batch_size,steps\na,1,5\n", ["--confidence", "nan"], "--confidence nan"),
    ],
)
def test_bad_input_ends_with_status_2_and_writes_nothing(
    tmp_path: Path, content: str, arguments: list[str], said: str
) -> None:
    (tmp_path / "steps.csv").write_text(content)
    ended = run("steps.csv", *arguments, "--figure", "out.svg", folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: ")
    assert said in ended.stderr
    assert not (tmp_path / "out.svg").exists()


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from pipeline.commands.fit import fit; "
        f"fit(__import__('pathlib').Path({str(EXAMPLE)!r}), as_json=True); "
        "print(*sys.modules, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not NOT_NEEDED & set(ended.stderr.split())


def test_a_figure_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "steps.csv"
    file.write_text("model,batch_size,steps\na,1,100\na,8,20\n")
    ended = run(file, "--figure", "/dev/null/x.svg")
    assert (ended.returncode, ended.stdout) == (2, "")
    (said,) = ended.stderr.splitlines()
    assert said.startswith("error: --figure is /dev/null/x.svg, which cannot be written: ")
    assert "give a path" in said


@pytest.mark.parametrize("name", ["mine.csv", "./mine.csv", "link.svg"])
def test_the_measurements_are_never_replaced_by_the_figure(tmp_path: Path, name: str) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("model,batch_size,steps\na,1,100\na,8,20\n")
    (tmp_path / "link.svg").symlink_to(file)
    before = file.read_bytes()
    ended = run("mine.csv", "--figure", name, folder=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "the file that is read, which it would replace; give another path" in ended.stderr
    assert file.read_bytes() == before
    assert (tmp_path / "link.svg").is_symlink()


def test_a_figure_replaces_no_pipe_and_no_folder_and_is_named_as_svg(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.svg")  # a device is treated alike
    (tmp_path / "folder.svg").mkdir()
    for name, said in (("pipe.svg", "no regular file"), ("folder.svg", "a folder"),
                       ("out.png", "ends in .svg")):  # fmt: skip
        ended = run(EXAMPLE, "--figure", name, folder=tmp_path)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert ended.stderr.startswith(f"error: --figure is {name}, ")
        assert said in ended.stderr
    assert (tmp_path / "pipe.svg").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.svg", "pipe.svg"]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_error(closed: str) -> None:
    line = f"{sys.executable} -m pipeline.cli fit {EXAMPLE} {closed}"
    ended = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0
    assert "Traceback" not in ended.stderr


def test_output_to_a_full_disk_is_said_in_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pipeline.cli", "fit", str(EXAMPLE)], cwd=ROOT, text=True,
            stdout=full, stderr=subprocess.PIPE, timeout=120, check=False,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    assert ended.returncode == 2
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("error: ")
    assert said.startswith("error: the output can't be read or written: No space left")
    assert "free some space" in said
    assert "Traceback" not in ended.stderr

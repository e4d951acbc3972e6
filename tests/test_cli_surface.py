"""The command line is what it was: a change of its surface is one of a snapshot, seen in review."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import cli_surface, json_shapes
from tests.cli_surface import commands

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-m", "pipeline.cli"]
WIDE, TALL = 100, 30  # of a screen
MODULES = 450  # that --help may import: 350, and what a minor version of Python or Typer may add
ESCAPE = "\x1b["


def run(
    *arguments: str, folder: Path = ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], cwd=folder, text=True, capture_output=True, timeout=120,
        env=os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": str(WIDE)} | environment,
    )  # fmt: skip


def test_the_surface_is_the_frozen_one() -> None:
    renew = "renew it with: python -m tests.cli_surface > tests/cli_surface.json"
    assert json.loads(cli_surface.text()) == json.loads(cli_surface.SNAPSHOT.read_text()), renew
    assert cli_surface.text() == cli_surface.SNAPSHOT.read_text(), renew


def test_a_new_option_or_default_would_be_seen() -> None:
    rounds = commands()["batchscope calibrate"]
    before = cli_surface.parameters(rounds)
    next(p for p in rounds.params if p.name == "rounds").default = 4
    assert cli_surface.parameters(rounds) != before


@pytest.mark.parametrize("name", list(commands()))
def test_help_fits_a_screen(name: str) -> None:
    ended = run(*name.split()[1:], "--help")
    assert ended.returncode == 0
    lines = ended.stdout.strip().splitlines()
    assert len(lines) <= TALL
    assert max(map(len, lines)) <= WIDE
    assert ESCAPE not in ended.stdout


def test_the_version_is_told() -> None:
    ended = run("--version")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert re.fullmatch(r"batchscope \d+\.\d+\.\d+\S*\n", ended.stdout)


def test_a_misspelt_command_is_suggested() -> None:
    ended = run("dcotor")
    assert ended.returncode == 2
    assert "Did you mean 'doctor'?" in ended.stderr


@pytest.mark.parametrize(
    "arguments", [["check", "--fast"], ["calibrate", "--rounds", "0"], ["check", "none.yaml"]]
)
def test_bad_input_ends_with_status_2(arguments: list[str]) -> None:
    ended = run(*arguments)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert not ended.stdout


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_command_says_so_by_its_status(stop: signal.Signals, tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    command = subprocess.Popen(
        [*COMMAND, "doctor"], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=1,
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stdout.readline()  # it is at work
    command.send_signal(stop)
    _, said = command.communicate(timeout=120)
    assert command.returncode == 128 + stop
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", ["doctor", "check", "--help"])
def test_a_closed_pipe_is_no_error(arguments: str) -> None:
    line = f"{sys.executable} -m pipeline.cli {arguments} | head -n 1"
    ended = subprocess.run(
        ["bash", "-c", line], cwd=ROOT, capture_output=True, text=True, timeout=120, check=True
    )
    assert ended.stderr == ""
    assert len(ended.stdout.splitlines()) == 1


COLOURFUL = """
import typer
from pipeline.commands.manners import run
app = typer.Typer()
@app.command()
def sing():
    typer.secho("la", fg="red")
run(app)
"""


def test_no_colour_where_none_is_wanted(tmp_path: Path) -> None:
    script = shutil.which("script")
    if script is None:
        pytest.skip("needs script(1) for a terminal")
    song = tmp_path / "song.py"
    song.write_text(COLOURFUL)
    line = [script, "-qec", f"{sys.executable} {song}", "/dev/null"]
    plain = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    seen = {
        wish: subprocess.run(
            line, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
            env=plain | {"TERM": "xterm", "PYTHONPATH": str(ROOT)} | extra,
        ).stdout
        for wish, extra in {"colour": {}, "none": {"NO_COLOR": "1"}}.items()
    }  # fmt: skip
    assert ESCAPE in seen["colour"]
    assert seen["none"].strip() == "la"


def test_help_comes_at_once() -> None:
    """Half a second is promised, nearly all of it imports: they are counted, not timed."""
    ended = subprocess.run(
        [COMMAND[0], "-X", "importtime", *COMMAND[1:], "--help"],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert "Usage" in ended.stdout
    imported = {line.split("|")[-1].strip() for line in ended.stderr.splitlines()}
    assert "pipeline.commands" in imported
    heavy = {"torch", "mlflow", "optuna", "pandas", "numpy", "sklearn", "sqlalchemy", "pydantic"}
    assert not heavy & imported
    assert len(imported) < MODULES


def test_the_doctors_document_has_the_frozen_shape() -> None:
    ended = run("doctor", "--json")
    assert ended.returncode in {0, 1}
    document: dict[str, Any] = json.loads(ended.stdout)
    seen = json_shapes.shape(document)
    assert json_shapes.agrees(seen, json_shapes.frozen("batchscope doctor"))
    assert {f["subject"] for f in document["findings"]} >= {"python", "torch", "locks", "git"}

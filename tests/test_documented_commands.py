"""README and docs show commands that exist, with options that exist; the quick ones are run.

tests/study/test_documented_commands.py runs the others, in a finished study.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests import documented
from tests.cli_surface import commands
from tests.documented import PAGES, ROOT, UNEXECUTED, Shown
from tests.tiny import change

SHOWN = [shown for page in PAGES for shown in documented.shown(page)]
MAKEFILE = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
# What a page has changed in params.yaml before it shows a command.
PARAMS = {
    "README.md": {
        "models": "[mlp, covn, lenet]",
        "sweep.goals.levels": "[0.10, 1.2, 0.05]",
    }
}


def of_batchscope(line: str) -> list[str]:
    """The batchscope command lines in a shell line."""
    parts = re.split(r"\s*(?:&&|\|\||;|\|)\s*", line)
    plain = [re.sub(r"\s*(?:\d?>|<)\s*\S+.*$", "", part) for part in parts]
    return [part for part in plain if part.split()[:1] == ["batchscope"]]


def inline() -> list[tuple[str, str]]:
    return [(page.name, line) for page in PAGES for line in documented.inline(page)]


def test_commands_are_found() -> None:
    assert any(shown.command == "dvc repro" for shown in SHOWN)
    assert any(shown.output for shown in SHOWN)
    assert len(inline()) > 10


@pytest.mark.parametrize("shown", SHOWN, ids=str)
def test_a_shown_command_parses(shown: Shown) -> None:
    for line in of_batchscope(shown.command):
        documented.parse(line)


@pytest.mark.parametrize(("page", "line"), inline())
def test_a_mentioned_command_exists(page: str, line: str) -> None:
    program, *words = shlex.split(line)
    if program == "batchscope":
        for variant in documented.variants(line):
            documented.check(variant)
    elif program == "make":
        assert next(word for word in words if "=" not in word) in MAKEFILE
    else:
        assert words[0] in documented.DVC


@pytest.mark.parametrize("name", [name for name in commands() if " " in name])
def test_help_ends_with_examples_that_parse(name: str) -> None:
    command = commands()[name]
    if getattr(command, "commands", None):
        return  # a group: its commands have them
    examples = (command.epilog or "").partition(":")[2].split("\n")
    lines = [documented.uncommented(line).strip() for line in examples if line.strip()]
    assert lines, f"{name} has no examples"
    for line in lines:
        assert of_batchscope(line), line
        for part in of_batchscope(line):
            documented.parse(part)


def test_what_is_not_executed_is_shown_somewhere() -> None:
    lines = [shown.command for shown in SHOWN] + [line for _, line in inline()]
    for pattern in UNEXECUTED:
        if "git clone" not in pattern:
            assert any(re.fullmatch(pattern, line) for line in lines), pattern


@pytest.mark.parametrize("shown", [s for s in SHOWN if s.quick], ids=str)
def test_a_quick_command_does_what_the_page_shows(shown: Shown, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    params.write_text((ROOT / "params.yaml").read_text())
    change(params, PARAMS.get(shown.page, {}))
    (tmp_path / "docs").symlink_to(ROOT / "docs")  # with the examples that they ship
    ended = run(shown, tmp_path, ROOT)
    assert ended.returncode == shown.status, ended.stdout
    if shown.output:
        assert documented.pattern(shown.output).fullmatch(ended.stdout), ended.stdout


def run(shown: Shown, folder: Path, code: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user would in a shell, with the project's code in ``code``."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", shown.command], cwd=folder, text=True, timeout=300,
        env=os.environ | {"PATH": path, "PYTHONPATH": str(code), "COLUMNS": "100"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def test_a_page_with_an_unknown_command_or_option_is_caught(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```sh\nbatchscope cheque\n```\n```console\n$ batchscope check --fast\n```\n")
    unknown, option = documented.shown(page)
    with pytest.raises(LookupError, match="no command cheque"):
        documented.parse(unknown.command)
    with pytest.raises(Exception, match="--fast"):
        documented.parse(option.command)


def test_shown_output_is_compared_with_its_gaps() -> None:
    shown = documented.pattern("good\n…\ntook … s\n")
    assert shown.fullmatch("good\n1\n2\ntook 3.1 s\n")
    assert shown.fullmatch("good\ntook 3.1 s\n")
    assert not shown.fullmatch("bad\ntook 3.1 s\n")
    assert not shown.fullmatch("good\ntook 3.1 h\n")

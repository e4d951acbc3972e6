"""The commands that README.md and docs/*.md show, and what each of them is to the tests.

A command in a fenced block (sh or console) is executed, unless UNEXECUTED says why not. A line of a
console block after "$ command" is what it prints; … stands for any text, alone on a line for any
lines. A console block that begins with "error:" shows a command that ends with status 2.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli_surface import commands

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELLS = {"sh", "bash", "shell", "console"}
ANY = "…"

# Pattern of commands that no test runs from a page: why, and what stands for it.
UNEXECUTED = {
    r"make (setup|study|test|test-all|lint|bench|lock|clean)\b.*": (
        "an environment of its own, minutes, or the network; tests/study runs the same stages"
    ),
    r"(make|batchscope) ui\b.*": "serves until Ctrl-C; tests/pipeline/test_ui.py does that",
    r"python3? -m venv .*|\. \.venv/bin/activate|pip install .*": (
        "makes an environment from the network, as make setup does"
    ),
    r"pytest\b.*": "these tests",
    r"git clone\b.*": "the network",
    r"dvc (exp run|exp show|queue|metrics|plots|remote|push|pull)\b.*": (
        "change the workspace or need another place; tests/study/test_experiments.py runs them"
    ),
    r"batchscope selftest( --quick)?( --json)?|python -m benchmarks\.selftest_coverage\b.*": (
        "minutes; tests/study/test_selftest.py runs it"
    ),
    r"batchscope tune\b.*": "trains; tests/study/test_tune.py does that",
    r"batchscope study (run|export|delete)\b.*": (
        "trains or writes; tests/study/test_study_command.py does all of it"
    ),
}
# Commands that take no time and need no finished study: run by the default tests.
QUICK = (
    r"batchscope (check|models|datasets|describe|fit|--version|--help)\b.*|batchscope \w+ --help"
)
DVC = {
    "repro",
    "exp",
    "gc",
    "metrics",
    "plots",
    "push",
    "pull",
    "remote",
    "status",
    "init",
    "params",
    "queue",
}


@dataclass(frozen=True)
class Shown:
    """A command as a page shows it."""

    page: str
    line: int
    command: str
    output: str = ""

    @property
    def unexecuted(self) -> bool:
        return any(re.fullmatch(pattern, self.command) for pattern in UNEXECUTED)

    @property
    def quick(self) -> bool:
        return bool(re.fullmatch(QUICK, self.command))

    @property
    def status(self) -> int:
        return 2 if self.output.startswith("error:") else 0

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.command}"


def shown(path: Path) -> list[Shown]:
    """Commands of a page's fenced blocks."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    found: list[Shown] = []
    for language, start, lines in fences(path.read_text()):
        if language == "console":
            found += console(name, start, lines)
        elif language in SHELLS:
            found += [Shown(name, start + i, line) for i, line in plain(lines)]
    return found


def inline(path: Path) -> list[str]:
    """Commands between backticks in prose and tables."""
    prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"`((?:batchscope|make|dvc) [^`]+)`", prose)


def fences(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Language, number of the first line and lines of each fenced block."""
    language, start, lines = None, 0, []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, start, lines = line.strip("`").strip(), number + 1, []
        else:
            yield language, start, lines
            language = None


def console(page: str, start: int, lines: list[str]) -> Iterator[Shown]:
    """A command per prompt, with all that follows up to the next one."""
    prompts = [i for i, line in enumerate(lines) if line.startswith("$ ")]
    for i, end in zip(prompts, [*prompts[1:], len(lines)], strict=True):
        yield Shown(page, start + i, uncommented(lines[i][2:]), "\n".join(lines[i + 1 : end]))


def plain(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines without comments; one that ends in a backslash goes on in the next."""
    begun = ""
    for i, line in enumerate(lines):
        text = begun + uncommented(line).strip()
        begun = text.removesuffix("\\") if text.endswith("\\") else ""
        if text and not begun:
            yield i, text


def uncommented(line: str) -> str:
    return re.sub(r"(^|\s+)#.*$", "", line)


def resolve(words: list[str]) -> tuple[str, Any, list[str]]:
    """Full name, command and remaining words of a batchscope command line.

    Raises:
        LookupError: No such command.
    """
    known = commands()
    name = words[0]
    rest = words[1:]
    while rest and not rest[0].startswith("-") and f"{name} {rest[0]}" in known:
        name, rest = f"{name} {rest[0]}", rest[1:]
    if rest and not rest[0].startswith("-") and any(k.startswith(f"{name} ") for k in known):
        raise LookupError(f"{name} has no command {rest[0]}")
    return name, known[name], rest


def variants(line: str) -> list[str]:
    """`study list|show` is two commands."""
    words = re.search(r"\S+\|\S+", line)
    return [line.replace(words[0], w) for w in words[0].split("|")] if words else [line]


def check(line: str) -> None:
    """Hold a batchscope command line, as written in prose, to the command line's surface."""
    name, command, rest = resolve([w for w in shlex.split(line) if w != ANY])
    spelt = {"--help"} | {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    for word in rest:
        option = word.partition("=")[0]
        if option.startswith("-") and not re.fullmatch(r"-[\d.]+", option) and option not in spelt:
            raise LookupError(f"{name} has no option {option}")


def parse(line: str) -> None:
    """Parse a whole batchscope command line as if to run it; a fault raises."""
    words = shlex.split(line)
    name, command, rest = resolve(words)
    if {"--help", "--version"} & set(rest):
        return
    command.make_context(name, list(rest))


def pattern(output: str) -> re.Pattern[str]:
    """What printed text has to match."""
    lines = [line.rstrip() for line in output.strip("\n").splitlines()]
    parts = [
        r"(?:.*\n)*?" if line == ANY else re.escape(line).replace(ANY, ".*?") + r"[ ]*\n"
        for line in lines
    ]
    return re.compile("".join(parts))

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipeline.conftest import make_race, one_thread, prepared, recipe

__all__ = ["Own", "make_race", "one_thread", "own", "prepared", "recipe"]

Own = Callable[[str, str], str]
"""Takes the source of a user's module and a factory's name, and returns the network's name."""

NUMBERS = itertools.count()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Own]:
    monkeypatch.syspath_prepend(tmp_path)
    made: list[str] = []

    def write(source: str, factory: str) -> str:
        made.append(f"own_nets_{next(NUMBERS)}")
        package = tmp_path / made[-1]
        package.mkdir()
        (package / "__init__.py").write_text("")
        (package / "net.py").write_text(source)
        importlib.invalidate_caches()
        return f"{made[-1]}.net:{factory}"

    yield write
    for name in [name for name in sys.modules if name.partition(".")[0] in made]:
        del sys.modules[name]

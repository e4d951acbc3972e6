"""Progress of a download: a moving line on a terminal, plain lines when piped."""

from __future__ import annotations

import io
import sys

import pytest

from pipeline.datasets import meter
from pipeline.datasets.meter import Meter


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def said(monkeypatch: pytest.MonkeyPatch, *, terminal: bool, fails: bool = False) -> str:
    stream = Stream(terminal)
    monkeypatch.setattr(sys, "stderr", stream)
    times = iter(range(0, 1000, 4))
    monkeypatch.setattr(meter.time, "monotonic", lambda: next(times))
    try:
        with Meter("x.gz", 4_000_000) as told:
            for _ in range(4):
                told.add(1_000_000)
            if fails:
                raise ConnectionError
    except ConnectionError:
        pass
    return stream.getvalue()


def test_piped_it_tells_plain_lines_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(monkeypatch, terminal=False).splitlines()
    assert lines == [
        "download: x.gz:  75% of 4.0 MB, 0.2 MB/s",
        "download: x.gz: 4.0 MB, 0.2 MB/s",
    ]


def test_on_a_terminal_one_line_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    text = said(monkeypatch, terminal=True)
    assert text.count("\r") == 5
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert " 25% of 4.0 MB" in text


def test_a_failure_does_not_end_in_success(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (True, False):
        text = said(monkeypatch, terminal=terminal, fails=True)
        assert "x.gz: 4.0 MB," not in text
        assert text.endswith("\n")

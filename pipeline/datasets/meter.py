"""How far a transfer is, on stderr: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final, Self

__all__ = ["Meter"]

_TERMINAL_SECONDS: Final = 0.2  # between two updates
_PLAIN_SECONDS: Final = 10.0


class Meter:
    """Counts the bytes of one file; leaving its block without an error tells that all is there.

    Args:
        name: What is transferred.
        size: Bytes expected.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size, self._done = name, size, 0
        self._moving = sys.stderr.isatty()
        self._start = self._said = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._say(f"{self._done / 1e6:,.1f} MB")
        if self._moving:
            sys.stderr.write("\n")  # what is told next has a line of its own

    def add(self, count: int) -> None:
        """Count bytes that came, and tell of them now and then."""
        self._done += count
        now = time.monotonic()
        if now - self._said >= (_TERMINAL_SECONDS if self._moving else _PLAIN_SECONDS):
            self._said = now
            share = min(self._done / max(self._size, 1), 1)
            self._say(f"{share:4.0%} of {self._size / 1e6:,.1f} MB")

    def _say(self, what: str) -> None:
        rate = self._done / 1e6 / max(time.monotonic() - self._start, 1e-3)
        line = f"download: {self._name}: {what}, {rate:,.1f} MB/s"
        sys.stderr.write(f"\r{line:<79}" if self._moving else f"{line}\n")
        sys.stderr.flush()

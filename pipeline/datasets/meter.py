"""How far a transfer is, on stderr: a line that moves on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Final

__all__ = ["Meter"]

_TERMINAL_SECONDS: Final = 0.2  # between two updates
_PLAIN_SECONDS: Final = 10.0


class Meter:
    """Counts the bytes of one file.

    Args:
        name: What is transferred.
        size: Bytes expected.
    """

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size, self._done = name, size, 0
        self._moving = sys.stderr.isatty()
        self._start = self._said = time.monotonic()

    def add(self, count: int) -> None:
        """Count bytes that came, and tell of them now and then."""
        self._done += count
        now = time.monotonic()
        if now - self._said >= (_TERMINAL_SECONDS if self._moving else _PLAIN_SECONDS):
            self._said = now
            self._say(
                f"{min(self._done / max(self._size, 1), 1):4.0%} of {self._size / 1e6:,.1f} MB"
            )

    def finish(self) -> None:
        """Tell that all is there."""
        self._say(f"{self._done / 1e6:,.1f} MB", "\n")

    def _say(self, what: str, end: str = "") -> None:
        rate = self._done / 1e6 / max(time.monotonic() - self._start, 1e-3)
        line = f"download: {self._name}: {what}, {rate:,.1f} MB/s"
        if self._moving:
            sys.stderr.write(f"\r{line:<79}{end}")
        else:
            sys.stderr.write(f"{line}\n")
        sys.stderr.flush()

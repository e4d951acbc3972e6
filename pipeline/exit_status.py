"""Exit statuses: what a script can learn from how a command ended (docs/cli.md)."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["ExitStatus"]


class ExitStatus(IntEnum):
    """How a command ended. 128 + n is the shell's word for "ended by signal n"."""

    DONE = 0
    PROBLEM = 1
    BAD_INPUT = 2
    HUNG_UP = 129
    INTERRUPTED = 130
    TERMINATED = 143

"""Tell bad input, which our code refuses with a ValueError, from a bug that raises one."""

from __future__ import annotations

import sys
import traceback
from typing import Final, NoReturn

from pipeline.exit_status import ExitStatus

__all__ = ["end_on"]

_OURS: Final = frozenset({"models", "pipeline", "__main__"})


def end_on(problem: ValueError) -> NoReturn:
    """End the program on an error that nobody handled.

    Bad input ends with a message on stderr and exit status 2, without a traceback. An error that a
    library raised is a bug, and is raised again.

    Args:
        problem: Caught, with its traceback.
    """
    if not _told_by_us(problem):
        raise problem
    print(f"error: {problem}", file=sys.stderr, flush=True)
    sys.exit(ExitStatus.BAD_INPUT)


def _told_by_us(problem: ValueError) -> bool:
    *_, (frame, _) = traceback.walk_tb(problem.__traceback__)
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in _OURS

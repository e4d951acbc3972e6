"""Tell bad input, which our code refuses with a ValueError, from a bug that raises one."""

from __future__ import annotations

import traceback

__all__ = ["told_by_us"]

_OURS = frozenset({"models", "pipeline", "__main__"})


def told_by_us(problem: ValueError) -> bool:
    """Whether our own code raised the error: a library's ValueError is a bug, not bad input.

    Args:
        problem: Caught, with its traceback.
    """
    *_, (frame, _) = traceback.walk_tb(problem.__traceback__)
    name = str(frame.f_globals.get("__name__", ""))
    return name.partition(".")[0] in _OURS

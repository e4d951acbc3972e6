"""Die with one's parent: no worker outlives its driver, no stage the command that started it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import psutil

__all__ = ["ancestors_to_watch", "die_with"]

_POLL_SECONDS = 0.5
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh"})


def die_with(*processes: int, last_words: Callable[[], None] = lambda: None) -> None:
    """End this process at once when any of the given processes has ended.

    A thread polls: only Linux can signal a parent's death, and a killed parent sends nothing
    itself. Exit status 1: a stage that ends this way has not done its work.

    Args:
        *processes: Process ids, of living processes.
        last_words: Called before the end.
    """
    watched = [psutil.Process(pid) for pid in processes]

    def watch() -> None:
        while all(_lives(process) for process in watched):
            time.sleep(_POLL_SECONDS)
        last_words()
        os._exit(1)

    threading.Thread(target=watch, name="lifeline", daemon=True).start()


def ancestors_to_watch() -> tuple[int, ...]:
    """The parent and, where that is a shell running one command, the shell's parent as well.

    DVC runs a stage through a shell, which survives when dvc is killed. A shell with a terminal
    of its own and the first process of a session are nobody's errand and are not looked behind.
    """
    parent = psutil.Process().parent()
    watched: list[int] = []
    while parent is not None and parent.pid > 1:
        watched.append(parent.pid)
        if parent.name() not in _SHELLS or "-c" not in parent.cmdline()[1:]:
            break
        parent = parent.parent()
    return tuple(watched)


def _lives(process: psutil.Process) -> bool:
    try:
        # is_running compares start times too, so a recycled process id is no parent.
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:  # it vanished between the two questions
        return False

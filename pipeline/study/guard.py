"""What every stage has around it: clear errors, an orderly stop, a lock, death with its parent."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Final

from pipeline.blame import end_on
from pipeline.exit_status import ExitStatus
from pipeline.lifeline import ancestors_to_watch, die_with

__all__ = ["locked", "say", "stage"]

_LOCK_SECONDS: Final = 10.0  # how long the twin of a killed stage may take to notice and die


def stage(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a stage's main for the command line.

    Bad input, which our code raises as ValueError, becomes a message on stderr and exit status 2
    without a traceback; anything else is a bug and keeps its traceback. Ctrl-C and SIGTERM end in
    status 130 and 143, so that DVC commits nothing. The stage dies when the command that started
    it does.

    Args:
        main: Does the stage's work.

    Returns:
        The wrapped main.
    """

    @wraps(main)
    def guarded() -> None:
        signal.signal(signal.SIGTERM, _terminate)
        die_with(*ancestors_to_watch())
        try:
            main()
        except KeyboardInterrupt as stop:
            terminated = isinstance(stop, _TerminatedError)
            status = ExitStatus.TERMINATED if terminated else ExitStatus.INTERRUPTED
            say("stopped. What was trained is in the ledger; the same command goes on from there.")
            sys.exit(status)
        except ValueError as problem:
            end_on(problem)

    return guarded


@contextmanager
def locked(folder: Path) -> Generator[None]:
    """Hold a folder's lock, so that no second stage writes to it at the same time.

    The lock is the operating system's: it goes with the process that holds it, however that ends.

    Args:
        folder: Made if missing.

    Yields:
        Nothing; the lock is held meanwhile.

    Raises:
        ValueError: If another process still holds it after ten seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not _taken(file.fileno()):
            if time.monotonic() > deadline:
                file.seek(0)
                raise ValueError(
                    f"{folder} is in use by process {file.read().strip() or '(unknown)'}; "
                    "wait until it has finished, or stop it"
                )
            time.sleep(0.1)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def say(message: str) -> None:
    """Tell a person something, on stderr."""
    print(message, file=sys.stderr, flush=True)


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM: to be handled as Ctrl-C is, and told apart in the exit status."""


def _terminate(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise _TerminatedError


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

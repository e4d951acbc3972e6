"""What every stage has around it: clear errors, an orderly stop, a lock, death with its parent."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from pipeline.aside import naming
from pipeline.blame import end_on
from pipeline.exit_status import ExitStatus
from pipeline.file_lock import LocklessError, take
from pipeline.lifeline import ancestors_to_watch, die_with

__all__ = ["Holder", "end_on_file", "holder", "locked", "orderly", "say", "stage", "unheard"]

_REMEDIES: Final = {
    errno.ENOSPC: "free some space, then repeat the command",
    errno.EDQUOT: "free some of your quota, then repeat the command",
    errno.EROFS: "use a folder that can be written to",
    errno.EACCES: "change its permissions, or use another",
    errno.EPERM: "change its permissions, or use another",
    errno.ENOENT: "check the path",
    errno.EEXIST: "move it away, or use another path",
    errno.ENOTDIR: "a part of the path is a file: use another path",
}
_OF_FILES: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES})
_GOES_ON: Final = "What was trained is in the ledger; the same command goes on from there."
_LOCK_SECONDS: Final = 10.0  # how long the twin of a killed stage may take to notice and die
_HELD: set[Path] = set()  # by this process


def stage(main: Callable[[], None]) -> Callable[[], None]:
    """Wrap a stage's main for the command line.

    Bad input, which our code raises as ValueError, and files that can't be read or written become
    a message on stderr and exit status 2 without a traceback; anything else is a bug and keeps its
    traceback. It ends `orderly`, so that DVC commits nothing, and dies when the command that
    started it does.

    Args:
        main: Does the stage's work.

    Returns:
        The wrapped main.
    """

    @wraps(main)
    def guarded() -> None:
        die_with(*ancestors_to_watch())
        try:
            with orderly():
                main()
        except ValueError as problem:
            end_on(problem)
        except OSError as problem:
            end_on_file(problem)

    return guarded


def end_on_file(problem: OSError) -> NoReturn:
    """End the program on a file that can't be read or written, which is nobody's bug.

    It ends with a message on stderr and exit status 2, without a traceback. An error that is about
    no file (a socket, a closed descriptor) is raised again.

    Args:
        problem: Caught, with its traceback.
    """
    named = isinstance(problem.filename, str | bytes)
    if not named and problem.errno not in _OF_FILES:
        raise problem
    path = os.fsdecode(problem.filename) if named else "a file"
    reason = " ".join((problem.strerror or str(problem)).split())
    remedy = _REMEDIES.get(problem.errno or 0, "use another path")
    say(f"error: {path} can't be read or written: {reason}; {remedy}")
    sys.exit(ExitStatus.BAD_INPUT)


@contextmanager
def orderly(afterwards: str = _GOES_ON) -> Generator[None]:
    """End the process on Ctrl-C, SIGTERM and SIGHUP with status 130, 143 and 129.

    SIGHUP comes when the terminal is closed; where it is ignored (nohup) it stays so.

    Args:
        afterwards: What the same command will find; said after "stopped".

    Yields:
        Nothing; what is inside unwinds before the end.
    """
    heard = [signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        heard.append(signal.SIGHUP)
    before = {number: signal.signal(number, _stop) for number in heard}
    try:
        yield
    except KeyboardInterrupt as stop:
        say(f"stopped. {afterwards}")
        sys.exit(stop.status if isinstance(stop, _StoppedError) else ExitStatus.INTERRUPTED)
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is _stop:  # else the terminal is gone, and stays unheard
                signal.signal(number, handler)


def unheard() -> None:
    """Let words go nowhere that were for a terminal: it was closed, and each would be an error.

    From then on further hang-ups are ignored, as shell and kernel may both send one.
    """
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    for descriptor in (1, 2):
        with suppress(OSError):  # closed (>&-)
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):  # what was a terminal is not one now
                os.dup2(os.open(os.devnull, os.O_WRONLY), descriptor)


@dataclass(frozen=True)
class Holder:
    """Who holds a folder's lock.

    Attributes:
        process: Process id.
        study: What it trains.
    """

    process: int
    study: str


@contextmanager
def locked(folder: Path, study: str = "dvc") -> Generator[None]:
    """Hold a folder's lock, so that no second stage writes to it at the same time.

    The lock is the operating system's: it goes with the process that holds it, however that ends.
    Within it the same process may ask for it again.

    Args:
        folder: Made if missing.
        study: What this process trains, for others to read.

    Yields:
        Nothing; the lock is held meanwhile.

    Raises:
        ValueError: If another process still holds it after ten seconds, or nothing can be locked.
    """
    folder = folder.resolve()
    if folder in _HELD:
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("a+", encoding="utf-8") as file:
        deadline = time.monotonic() + _LOCK_SECONDS
        while not take(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            if time.monotonic() > deadline:
                file.seek(0)
                process, _, study = file.read().strip().partition(" ")
                raise ValueError(
                    f"{folder} is in use by process {process or '(unknown)'}"
                    f"{study and f', which trains the study {study}'}; "
                    "wait until it has finished, or stop it"
                )
            time.sleep(0.1)
        with naming(folder / ".lock"):
            file.truncate(0)
            os.write(file.fileno(), f"{os.getpid()} {study}".encode())  # no buffer to fail again
        _HELD.add(folder)
        try:
            yield
        finally:
            _HELD.remove(folder)


def holder(folder: Path) -> Holder | None:
    """Who holds a folder's lock now; None where nobody does, or nothing can be locked."""
    lock = folder / ".lock"
    with suppress(FileNotFoundError, LocklessError), lock.open("r", encoding="utf-8") as file:
        if not take(file, fcntl.LOCK_SH | fcntl.LOCK_NB):
            process, _, study = file.read().partition(" ")
            return Holder(int(process), study) if process.isdecimal() else None
    return None


def say(message: str) -> None:
    """Tell a person something, on stderr."""
    print(message, file=sys.stderr, flush=True)


class _StoppedError(KeyboardInterrupt):
    """Another signal: to be handled as Ctrl-C is, and told apart in the exit status.

    Attributes:
        status: To end with.
    """

    def __init__(self, status: ExitStatus) -> None:
        super().__init__()
        self.status = status


def _stop(signum: int, frame: FrameType | None) -> None:
    del frame
    if signum == signal.SIGHUP:
        unheard()
    raise _StoppedError(ExitStatus(128 + signum))

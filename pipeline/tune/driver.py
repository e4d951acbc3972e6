"""Who asked for a trial: the process that drives a search, which another one may not take for dead.

Two clones of a project have a ledger each, so no lock keeps them from searching one study.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import psutil

from pipeline.tune.boxes import suggest
from pipeline.tune.question import Question

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial, Trial

__all__ = ["DRIVER", "ContestedError", "abandoned", "ask", "contested", "signature"]

DRIVER: Final = "driver"  # attribute of a trial: what `signature` said of who asked for it
_CONTESTED: Final = (
    "another process searches study {}, and has ended a trial of this one; give another name with "
    "--study, or let one of them finish first"
)
_SET_CLOCK: Final = 60.0  # seconds; setting the clock moves when a process seems to have started


class ContestedError(ValueError):
    """Another process ended a trial that this one had running, or was about to settle."""


def signature(process: int | None = None) -> dict[str, str | int | float]:
    """What tells a driver from all others: where it runs, its process id, and when it began.

    Containers may share a host's name, and have processes of their own.

    Args:
        process: Its id; this one, if not given.
    """
    found = psutil.Process(process)
    return {"host": _host(), "process": found.pid, "began": found.create_time()}


def ask(study: Study, question: Question) -> Trial:
    """Ask for a trial, signed before anything of it is proposed, which may take seconds.

    Args:
        study: Optuna's.
        question: Gives the boxes.

    Returns:
        The trial, with its whole setting.
    """
    trial = study.ask()
    trial.set_user_attr(DRIVER, signature())
    suggest(trial, question)
    return trial


def abandoned(trial: FrozenTrial) -> bool:
    """Whether a running trial is nobody's any more, as far as this process can tell.

    It is where its driver has died on this host, or is unknown, as earlier versions left it; and
    where its driver is this process, which settles before it begins and when it gives up. Of a
    driver on another host nobody here can say whether it lives.

    Args:
        trial: Not ended yet.
    """
    signed = trial.user_attrs.get(DRIVER)
    if not isinstance(signed, dict):
        return True
    driver = cast("dict[str, Any]", signed)
    if driver.get("host") != _host():
        return False
    return driver.get("process") == os.getpid() or not _lives(driver)


@contextmanager
def contested(study: str) -> Generator[None]:
    """Say in one line that another process ended a trial of this one's, which Optuna refuses.

    Args:
        study: Its name.

    Yields:
        Nothing; what is inside tells Optuna of trials.

    Raises:
        ContestedError: With the remedy.
        ValueError: Any other, as it was.
    """
    from optuna.exceptions import UpdateFinishedTrialError

    try:
        yield
    except UpdateFinishedTrialError as error:
        raise ContestedError(_CONTESTED.format(study)) from error
    except ValueError as error:
        if str(error).startswith("Cannot tell a "):  # for which Optuna has no error of its own
            raise ContestedError(_CONTESTED.format(study)) from error
        raise


@cache
def _host() -> str:
    """The host's name and, on Linux, what its kernel calls this boot and this set of processes."""
    known = [platform.node()]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        known.append(str(Path("/proc/self/ns/pid").readlink()))
    return " ".join(known)


def _lives(driver: dict[str, Any]) -> bool:
    """Whether the process is there, and no later one that was given its number."""
    try:
        process = psutil.Process(int(driver["process"]))
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - float(driver["began"])) < _SET_CLOCK
    except (psutil.NoSuchProcess, KeyError, TypeError, ValueError):
        return False
    except psutil.AccessDenied:
        return True

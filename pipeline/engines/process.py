"""A worker process as its driver sees it."""

from __future__ import annotations

import os
import time
import weakref
from contextlib import suppress
from dataclasses import replace
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import psutil

from pipeline.engines.birth import start, worker_context
from pipeline.engines.worker import work
from pipeline.events import Evaluated, Event, Finished, Stopped
from pipeline.trial import CohortPlan

__all__ = ["REMINDER_SECONDS", "WorkerProcess"]

REMINDER_SECONDS: Final = 1.0  # after which a cohort that tells nothing new is told again
_LOOKS: Final = 100  # at whether a worker whose line was cut has ended by itself
_LOOK_SECONDS: Final = 0.05


class WorkerProcess:
    """A process, the line to it and the cohort it trains."""

    def __init__(self, folder: Path, quiet_seconds: float) -> None:
        context = worker_context()
        self.connection, theirs = context.Pipe()
        self.plan: CohortPlan | None = None
        self._told: Evaluated | None = None  # the last that was heard of the cohort
        self._heard = 0.0
        self.stopping = False  # whether it has been told to give the cohort up
        self._process: BaseProcess = context.Process(
            target=work,
            args=(theirs, folder, quiet_seconds, os.getpid()),
            name="batchscope-worker",
            daemon=True,
        )
        start(self._process)
        theirs.close()  # else this end would never hear that the worker died
        # Also at exit, when nobody closed the engine: multiprocessing would ask the worker to end
        # and wait, and Lightning takes note of such a request without obeying.
        self._end = weakref.finalize(self, _end, self._process, self.connection, self._living())

    @property
    def exitcode(self) -> int | None:
        """Exit code of the process, negative for a signal; None while it lives."""
        return self._process.exitcode

    @property
    def begun(self) -> bool:
        """Whether it has told of the cohort that it was given."""
        return self._told is not None

    @property
    def sentinel(self) -> int:
        """To wait for beside the connection, whose end a process forked by the worker may hold.

        A worker that was spawned shares the sentinel too, so `exitcode` has the last word.
        """
        return self._process.sentinel

    def give(self, plan: CohortPlan) -> None:
        """Hand over a cohort. A worker that has died in between is noticed when it is heard."""
        self.plan, self.stopping = plan, False
        self._send(plan)

    def stop(self) -> None:
        """Tell the worker to give its cohort up; told twice it is the same."""
        if not self.stopping:
            self.stopping = True
            self._send(None)

    def receive(self) -> Event:
        """The next event; one that ends the cohort leaves the worker idle."""
        event: Event = self.connection.recv()
        if isinstance(event, Finished | Stopped):
            self.plan = None
        self._told = event if isinstance(event, Evaluated) else None
        self._heard = time.monotonic()
        return event

    def reminder(self) -> Evaluated | None:
        """What was heard last, without its rows, if that was a while ago; None otherwise."""
        if self._told is None or time.monotonic() - self._heard < REMINDER_SECONDS:
            return None
        self._heard = time.monotonic()
        return replace(self._told, rows=())

    def _send(self, order: CohortPlan | None) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(order)

    def bury(self) -> int | None:
        """Exit code of a worker that is dead or dying, negative for a signal; then it is dead.

        It gets a moment for an end of its own, whose code says what the driver's kill would hide.
        """
        for _ in range(_LOOKS):
            if self.exitcode is not None:
                break
            self._process.join(_LOOK_SECONDS)
        code = self.exitcode
        self.kill()
        return code

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._end()

    def _living(self) -> psutil.Process | None:
        assert self._process.pid, "it was started"  # psutil would take none for the driver itself
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid)
        return None


def _end(process: BaseProcess, line: connection.Connection, living: psutil.Process | None) -> None:
    process.kill()
    process.join()
    # Where the server that forked it is dead, multiprocessing takes the worker for dead as well,
    # and would leave it computing. psutil knows a process from another with its number.
    if living is not None:
        with suppress(psutil.NoSuchProcess):
            living.kill()
    line.close()

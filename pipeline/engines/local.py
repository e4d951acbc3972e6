"""An engine of worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import weakref
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from pipeline.engines.worker import THREAD_VARIABLES, work
from pipeline.events import Evaluated, Event, Finished, Started
from pipeline.outcome import RaceResult, broken_results
from pipeline.trial import CohortPlan

__all__ = ["LocalEngine"]

_ATTEMPTS: Final = 3  # a cohort whose workers died this often is to blame itself
_REMINDER_SECONDS: Final = 1.0  # after which a cohort that tells nothing new is told again


class LocalEngine:
    """Trains cohorts in worker processes, each with one thread, one cohort at a time.

    A worker that dies is replaced, and its cohort starts again from the beginning: a worker has
    no state that could be lost. Trials of a cohort that killed three workers end ``failed``.

    Args:
        workers: Most processes at once.
        prepared_folder: Where the prepared data are.
    """

    def __init__(self, workers: int, prepared_folder: Path) -> None:
        self._limit = workers
        self._folder = prepared_folder
        self._workers: list[_Worker] = []

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Train cohorts, the first ones first.

        Yields:
            Events as they come from the workers.
        """
        waiting = deque(cohorts)
        deaths: Counter[CohortPlan] = Counter()
        while waiting or any(worker.plan for worker in self._workers):
            while waiting and (worker := self._idle_worker()):
                worker.give(waiting.popleft())
                assert worker.plan is not None
                yield Started(worker.plan)
            for worker in self._talking():
                try:
                    event = worker.receive()
                except (EOFError, OSError):  # OSError: it died while it was sending
                    yield from self._bury(worker, waiting, deaths)
                else:
                    yield event
            for worker in self._workers:
                if reminder := worker.reminder():
                    yield reminder

    def close(self) -> None:
        """Kill all workers: they keep nothing worth saving."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()

    def _idle_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.plan is None:
                return worker
        if len(self._workers) < self._limit:
            self._workers.append(_Worker(self._folder))
            return self._workers[-1]
        return None

    def _talking(self) -> list[_Worker]:
        lines = [worker.connection for worker in self._workers]
        ready = connection.wait(lines, timeout=_REMINDER_SECONDS)
        return [worker for worker in self._workers if worker.connection in ready]

    def _bury(
        self, worker: _Worker, waiting: deque[CohortPlan], deaths: Counter[CohortPlan]
    ) -> Iterator[Event]:
        """Replace a dead worker; its cohort goes first, unless it has been tried often enough.

        Yields:
            The end of a cohort that has been.
        """
        worker.kill()
        self._workers.remove(worker)
        if (plan := worker.plan) is None:
            return
        deaths[plan] += 1
        if deaths[plan] < _ATTEMPTS:
            waiting.appendleft(plan)
            return
        message = f"{_ATTEMPTS} workers died training it, the last with exit code {worker.exitcode}"
        yield Finished(plan, _failed(plan, message))


class _Worker:
    """A process, the line to it and the cohort it trains."""

    def __init__(self, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.plan: CohortPlan | None = None
        self._told: Evaluated | None = None  # the last that was heard of the cohort
        self._heard = 0.0
        self._process: BaseProcess = context.Process(
            target=work, args=(theirs, folder), name="batchscope-worker", daemon=True
        )
        with _single_threaded(), _deaf_to_ctrl_c():
            self._process.start()
        theirs.close()  # else this end would never hear that the worker died
        # Also at exit, when nobody closed the engine: multiprocessing would ask the worker to end
        # and wait, and Lightning takes note of such a request without obeying.
        self._end = weakref.finalize(self, _end, self._process, self.connection)

    @property
    def exitcode(self) -> int | None:
        """Exit code of the process, negative for a signal; None while it lives."""
        return self._process.exitcode

    def give(self, plan: CohortPlan) -> None:
        """Hand over a cohort. A worker that has died in between is noticed when it is heard."""
        self.plan = plan
        try:
            self.connection.send(plan)
        except (BrokenPipeError, ConnectionResetError):
            return

    def receive(self) -> Event:
        """The next event; a Finished one leaves the worker idle."""
        event: Event = self.connection.recv()
        if isinstance(event, Finished):
            self.plan = None
        self._told = event if isinstance(event, Evaluated) else None
        self._heard = time.monotonic()
        return event

    def reminder(self) -> Evaluated | None:
        """What was heard last, without its rows, if that was a while ago; None otherwise."""
        if self._told is None or time.monotonic() - self._heard < _REMINDER_SECONDS:
            return None
        self._heard = time.monotonic()
        return replace(self._told, rows=())

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._end()


def _end(process: BaseProcess, line: connection.Connection) -> None:
    process.kill()
    process.join()
    line.close()


@contextmanager
def _single_threaded() -> Generator[None]:
    """An environment in which numerical libraries start with one thread each."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf_to_ctrl_c() -> Generator[None]:
    """Children started meanwhile never see Ctrl-C, which a terminal sends to the whole group.

    This process sees it as soon as the block ends.
    """
    resource_tracker.ensure_running()  # its start would lift the mask
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _failed(plan: CohortPlan, message: str) -> tuple[RaceResult, ...]:
    return tuple(
        RaceResult(race, broken_results(race, message), time.time(), 0.0, {}) for race in plan.races
    )

"""An engine of worker processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
import weakref
from collections import Counter, deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import connection, resource_tracker
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

from pipeline.engines.worker import QUIET_SECONDS, THREAD_VARIABLES, work
from pipeline.events import Event, Finished, Started, Stopped
from pipeline.outcome import RaceResult, broken_results
from pipeline.trial import CohortPlan

__all__ = ["LocalEngine"]

_ATTEMPTS: Final = 3  # a cohort whose workers died this often is to blame itself


class LocalEngine:
    """Trains cohorts in worker processes, each with one thread, one cohort at a time.

    A worker that dies is replaced, and its cohort starts again from the beginning: a worker has
    no state that could be lost. Trials of a cohort that killed three workers end ``failed``.

    Args:
        workers: Most processes at once.
        prepared_folder: Where the prepared data are.
        quiet_seconds: Least time between a worker's evaluations told; 0 tells each at once.
    """

    def __init__(
        self, workers: int, prepared_folder: Path, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self._limit = workers
        self._folder = prepared_folder
        self._quiet_seconds = quiet_seconds
        self._workers: list[_Worker] = []
        self._waiting: deque[CohortPlan] = deque()
        self._stopped: deque[CohortPlan] = deque()  # while they waited, not yet told
        self._deaths: Counter[CohortPlan] = Counter()  # of workers, by what they trained

    @property
    def workers(self) -> int:
        """Most processes at once."""
        return self._limit

    def submit(self, plan: CohortPlan) -> None:
        """Queue a cohort; it starts when a worker is idle and `events` is asked on."""
        self._waiting.append(plan)

    def stop(self, plan: CohortPlan) -> None:
        """Drop a waiting cohort, or tell its worker to give it up."""
        if plan in self._waiting:
            self._waiting.remove(plan)
            self._stopped.append(plan)
        for worker in self._workers:
            if worker.plan == plan:
                worker.stop()

    def events(self) -> Iterator[Event]:
        """Train what was submitted, until nothing waits or runs.

        Yields:
            Events as they come from the workers.
        """
        while self._stopped or self._waiting or any(worker.plan for worker in self._workers):
            while self._stopped:
                yield Stopped(self._stopped.popleft())
            while self._waiting and (worker := self._idle_worker()):
                worker.give(plan := self._waiting.popleft())
                yield Started(plan)
            if any(worker.plan for worker in self._workers):
                yield from self._heard()

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        """Train cohorts, the first ones first.

        Yields:
            Events as they come from the workers.
        """
        for plan in cohorts:
            self.submit(plan)
        yield from self.events()

    def close(self) -> None:
        """Kill all workers: they keep nothing worth saving."""
        for worker in self._workers:
            worker.kill()
        self._workers.clear()
        self._waiting.clear()

    def _idle_worker(self) -> _Worker | None:
        for worker in self._workers:
            if worker.plan is None:
                return worker
        if len(self._workers) < self._limit:
            self._workers.append(_Worker(self._folder, self._quiet_seconds))
            return self._workers[-1]
        return None

    def _heard(self) -> Iterator[Event]:
        """Wait until a worker says something, or dies.

        Yields:
            At most one event of each worker.
        """
        ready = connection.wait([worker.connection for worker in self._workers])
        for worker in [worker for worker in self._workers if worker.connection in ready]:
            try:
                event = worker.receive()
            except (EOFError, OSError):  # OSError: it died while it was sending
                yield from self._bury(worker)
            else:
                if isinstance(event, Finished | Stopped):
                    self._deaths.pop(event.plan, None)
                yield event

    def _bury(self, worker: _Worker) -> Iterator[Event]:
        """Replace a dead worker; its cohort goes first, unless it has been tried often enough.

        Yields:
            The end of a cohort that has been, or was to be stopped.
        """
        worker.kill()
        self._workers.remove(worker)
        if (plan := worker.plan) is None:
            return
        if worker.stopping:
            yield Stopped(plan)
            return
        self._deaths[plan] += 1
        if self._deaths[plan] < _ATTEMPTS:
            self._waiting.appendleft(plan)
            return
        message = f"{_ATTEMPTS} workers died training it, the last with exit code {worker.exitcode}"
        del self._deaths[plan]
        yield Finished(plan, _failed(plan, message))


class _Worker:
    """A process, the line to it and the cohort it trains."""

    def __init__(self, folder: Path, quiet_seconds: float) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.plan: CohortPlan | None = None
        self.stopping = False  # whether it has been told to give the cohort up
        self._process: BaseProcess = context.Process(
            target=work,
            args=(theirs, folder, quiet_seconds),
            name="batchscope-worker",
            daemon=True,
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
        return event

    def _send(self, order: CohortPlan | None) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(order)

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

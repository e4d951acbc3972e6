"""An engine of worker processes on this machine."""

from __future__ import annotations

import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from multiprocessing import connection
from pathlib import Path
from typing import Final

from pipeline.engines.birth import warm_up
from pipeline.engines.process import REMINDER_SECONDS, WorkerProcess
from pipeline.engines.worker import QUIET_SECONDS, WORN_OUT
from pipeline.events import Event, Finished, Started, Stopped
from pipeline.outcome import RaceResult, broken_results
from pipeline.trial import CohortPlan

__all__ = ["LocalEngine"]

_ATTEMPTS: Final = 3  # a cohort whose workers died this often is to blame itself
_KILLED: Final = "killed, most often for want of memory"
_REMEDY: Final = "lower training.workers or training.cohort_width"


class LocalEngine:
    """Trains cohorts in worker processes, each with one thread, one cohort at a time.

    A worker that dies is replaced, and its cohort starts again from the beginning: a worker has
    no state that could be lost. Trials of a cohort that killed three workers end ``failed``. After
    a SIGKILL, which is what a system out of memory sends, one worker fewer goes on.

    Args:
        workers: Most processes at once, at first.
        prepared_folder: Where the prepared data are.
        quiet_seconds: Least time between a worker's evaluations told; 0 tells each at once.
    """

    def __init__(
        self, workers: int, prepared_folder: Path, quiet_seconds: float = QUIET_SECONDS
    ) -> None:
        self._limit = workers
        self._folder = prepared_folder
        self._quiet_seconds = quiet_seconds
        self._workers: list[WorkerProcess] = []
        self._waiting: deque[CohortPlan] = deque()
        self._stopped: deque[CohortPlan] = deque()  # while they waited, not yet told
        self._deaths: Counter[CohortPlan] = Counter()  # of workers, by what they trained

    @property
    def workers(self) -> int:
        """Most processes at once, from now on."""
        return self._limit

    def warm_up(self) -> None:
        """Begin what every worker needs, in the background."""
        warm_up()

    def submit(self, plan: CohortPlan) -> None:
        """Queue a cohort; it starts once a worker is idle while `events` is asked on."""
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
            self._hire()
            yield from self._hand_out()
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

    def _hire(self) -> None:
        """Start workers for what waits and no idle one can take."""
        idle = sum(worker.plan is None for worker in self._workers)
        room = self._limit - len(self._workers)
        for _ in range(min(room, len(self._waiting) - idle)):
            self._workers.append(WorkerProcess(self._folder, self._quiet_seconds))

    def _hand_out(self) -> list[Started]:
        """Give what waits to workers that are idle; returns what is to be told of it."""
        begun: list[Started] = []
        for worker in self._workers:
            if worker.plan is None and self._waiting:
                worker.give(plan := self._waiting.popleft())
                begun.append(Started(plan))
        return begun

    def _heard(self) -> Iterator[Event]:
        """Wait a while for workers to say something, or to die; remind of those that are silent.

        Yields:
            At most one event of each worker, and what it began instead of what it ended.
        """
        lines = [worker.connection for worker in self._workers]
        ends = [worker.sentinel for worker in self._workers]
        connection.wait([*lines, *ends], timeout=REMINDER_SECONDS)
        for worker in list(self._workers):
            dead = worker.exitcode is not None  # asked first: a dead one's line holds all it said
            if worker.connection.poll():
                yield from self._listen(worker)
            elif dead:
                yield from self._bury(worker)
        for worker in self._workers:
            if reminder := worker.reminder():
                yield reminder

    def _listen(self, worker: WorkerProcess) -> Iterator[Event]:
        """Hear a worker that has something to say, be it that its line was cut.

        Yields:
            Its event, and what it began instead of what it ended.
        """
        try:
            event = worker.receive()
        except (EOFError, OSError):  # OSError: it died while it was sending
            yield from self._bury(worker)
            return
        begun: list[Started] = []
        if isinstance(event, Finished | Stopped):
            self._deaths.pop(event.plan, None)
            begun = self._hand_out()  # before the driver files and shows what has ended
        yield event
        yield from begun

    def _bury(self, worker: WorkerProcess) -> Iterator[Event]:
        """Replace a dead worker; its cohort goes first, unless it has been tried often enough.

        Yields:
            The end of a cohort that has been, or was to be stopped.
        """
        code = worker.bury()
        self._workers.remove(worker)
        if code == -signal.SIGKILL:
            self._make_room()
        if (plan := worker.plan) is None:
            return
        if worker.stopping:
            yield Stopped(plan)
            return
        self._deaths[plan] += code != WORN_OUT or worker.begun
        if self._deaths[plan] < _ATTEMPTS:
            self._waiting.appendleft(plan)
            return
        how = f"{_KILLED}; {_REMEDY}" if code == -signal.SIGKILL else f"with exit code {code}"
        message = f"{_ATTEMPTS} workers died training it, the last {how}"
        del self._deaths[plan]
        yield Finished(plan, _failed(plan, message))

    def _make_room(self) -> None:
        """Run one worker fewer from now on, which changes no number."""
        if self._limit > 1:
            self._limit -= 1
            print(
                f"warning: a worker was {_KILLED}; from now on there are {self._limit} at most, "
                f"and its cohort starts again. If more are killed, {_REMEDY}",
                file=sys.stderr,
                flush=True,
            )


def _failed(plan: CohortPlan, message: str) -> tuple[RaceResult, ...]:
    return tuple(
        RaceResult(race, broken_results(race, message), time.time(), 0.0, {}) for race in plan.races
    )

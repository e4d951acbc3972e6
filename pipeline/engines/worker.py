"""A worker process: receives cohorts, sends events, and dies with its driver."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.events import CohortStopped, Evaluated, Finished, Stopped
from pipeline.lifeline import die_with
from pipeline.outcome import Row
from pipeline.trial import CohortPlan

__all__ = ["QUIET_SECONDS", "work"]

QUIET_SECONDS = 0.5  # between evaluations told: a driver has other things to do than to count


def work(connection: Connection, prepared_folder: Path, quiet_seconds: float, driver: int) -> None:
    """Train the cohorts that come in until the driver hangs up.

    One thread: results must not depend on the number of cores, and workers use those.

    Args:
        connection: Receives a CohortPlan, sends Evaluated and one Finished for each. None, received
            meanwhile, asks to give it up: then Stopped is sent, unless that comes too late.
        prepared_folder: Where the prepared data are.
        quiet_seconds: Least time between evaluations told.
        driver: Its process id.
    """
    die_with(driver)
    # Imported here, so that the lifeline is in place before seconds of imports begin.
    import torch

    from pipeline.allocator import keep_freed_memory
    from pipeline.images import load_prepared
    from pipeline.training import train_cohort

    torch.set_num_threads(1)
    keep_freed_memory()
    prepared = load_prepared(prepared_folder)
    with suppress(EOFError, ConnectionError):  # the driver hung up
        while True:
            plan: CohortPlan | None = connection.recv()
            if plan is None:
                continue  # meant a cohort that had finished before it was read
            try:
                results = train_cohort(plan, prepared, _Telegraph(connection, quiet_seconds))
            except CohortStopped:
                connection.send(Stopped(plan))
            else:
                connection.send(Finished(plan, results))


class _Telegraph:
    """Sends evaluations, sparsely: what comes too soon after the one before is sent with the next.

    What a cohort's last events held back is in its results. Orders are looked for every time.
    """

    def __init__(self, connection: Connection, quiet_seconds: float) -> None:
        self._connection = connection
        self._quiet_seconds = quiet_seconds
        self._next = time.monotonic()
        self._kept: tuple[tuple[int, Row], ...] = ()

    def __call__(self, evaluated: Evaluated) -> None:
        if self._connection.poll():
            self._connection.recv()
            raise CohortStopped
        self._kept += evaluated.rows
        if (now := time.monotonic()) >= self._next:
            self._next = now + self._quiet_seconds
            self._connection.send(replace(evaluated, rows=self._kept))
            self._kept = ()

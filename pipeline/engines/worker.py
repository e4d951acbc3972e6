"""A worker process: receives cohorts, sends events, and dies with its driver."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.events import Evaluated, Finished
from pipeline.lifeline import die_with
from pipeline.outcome import Row
from pipeline.trial import CohortPlan

__all__ = ["THREAD_VARIABLES", "work"]

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_QUIET_SECONDS = 0.5  # between evaluations told: a driver has other things to do than to count


def work(connection: Connection, prepared_folder: Path) -> None:
    """Train the cohorts that come in until the driver hangs up.

    One thread: results must not depend on the number of cores, and workers use those.

    Args:
        connection: Receives a CohortPlan, sends Evaluated and one Finished for each.
        prepared_folder: Where the prepared data are.
    """
    die_with(os.getppid())
    # Imported here, so that the lifeline is in place before seconds of imports begin.
    import torch

    from pipeline.images import load_prepared
    from pipeline.training import train_cohort

    torch.set_num_threads(1)
    prepared = load_prepared(prepared_folder)
    with suppress(EOFError, ConnectionError):  # the driver hung up
        while True:
            plan: CohortPlan = connection.recv()
            results = train_cohort(plan, prepared, _Telegraph(connection))
            connection.send(Finished(plan, results))


class _Telegraph:
    """Sends evaluations, sparsely: what comes too soon after the one before is sent with the next.

    What a cohort's last events held back is in its results.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._next = time.monotonic()
        self._kept: tuple[tuple[int, Row], ...] = ()

    def __call__(self, evaluated: Evaluated) -> None:
        self._kept += evaluated.rows
        if (now := time.monotonic()) >= self._next:
            self._next = now + _QUIET_SECONDS
            self._connection.send(replace(evaluated, rows=self._kept))
            self._kept = ()

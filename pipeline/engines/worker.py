"""A worker process: receives cohorts, sends events, and dies with its driver."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pipeline.events import CohortStopped, Evaluated, Finished, Stopped
from pipeline.lifeline import die_with
from pipeline.outcome import RaceResult, Row
from pipeline.trial import CohortPlan

__all__ = ["QUIET_SECONDS", "WORN_OUT", "serve", "work"]

QUIET_SECONDS = 0.5  # between evaluations told: a driver has other things to do than to count
WORN_OUT: Final = 75  # exit code of a worker that no cohort will succeed in any more


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
    # Else what a network forks would hold the line, and the driver not hear that it was cut.
    os.register_at_fork(after_in_child=connection.close)
    # Imported here, so that the lifeline is in place before seconds of imports begin.
    import torch

    from pipeline.allocator import keep_freed_memory
    from pipeline.images import load_prepared
    from pipeline.training import train_cohort

    torch.set_num_threads(1)
    keep_freed_memory()
    prepared = load_prepared(prepared_folder)

    def train(plan: CohortPlan) -> tuple[RaceResult, ...]:
        return train_cohort(plan, prepared, _Telegraph(connection, quiet_seconds))

    if not serve(connection, train, _cuda_works):
        os._exit(WORN_OUT)  # an orderly end would speak to the device, which may not answer


def serve(
    connection: Connection,
    train: Callable[[CohortPlan], tuple[RaceResult, ...]],
    cuda_works: Callable[[], bool],
) -> bool:
    """Train the cohorts that come in until the driver hangs up, or no later one could succeed.

    After an assertion on the device or an illegal access every call of CUDA in the process fails.

    Args:
        connection: As of `work`.
        train: Trains a cohort.
        cuda_works: Asked after trials on a GPU have failed.

    Returns:
        Whether the driver hung up; False if the process is of no more use.
    """
    with suppress(EOFError, ConnectionError):
        while True:
            plan: CohortPlan | None = connection.recv()
            if plan is None:
                continue  # meant a cohort that had finished before it was read
            try:
                results = train(plan)
            except CohortStopped:
                connection.send(Stopped(plan))
                continue
            connection.send(Finished(plan, results))
            broken = not all(result.final for result in results)
            if broken and plan.recipe.device == "cuda" and not cuda_works():
                return False
    return True


def _cuda_works() -> bool:
    import torch

    try:
        torch.zeros(1, device="cuda").item()
    except RuntimeError:
        return False
    return True


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

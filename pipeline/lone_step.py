"""How long a step takes to somebody who trains one network alone, with all cores or the GPU."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

import torch

from pipeline.calibration import Conditions, Rig

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.images import Prepared
    from pipeline.trial import Cell

__all__ = ["seconds_per_lone_step"]

_ROUNDS: Final = 3  # whose median counts
_SECONDS: Final = 0.05  # of a round


def seconds_per_lone_step(
    cell: Cell, prepared: Prepared, conditions: Conditions, cores: int
) -> float:
    """Seconds of one optimiser step of one network that has the machine to itself.

    As by the solo kernel: gathering examples, forward, backward, update; evaluations apart. On a
    CPU it is the faster of one thread, by CPU time, which other programs hardly touch, and of all
    cores, by the wall clock, which they do: a busy machine makes large batches look slower. The
    median over a few rounds.

    Args:
        cell: Model and batch size.
        prepared: Data to train on.
        conditions: Optimiser, precision and kind of device.
        cores: That torch may compute with on a CPU.

    Returns:
        The seconds.
    """
    before = torch.get_num_threads()
    try:
        alone = _median(cell, prepared, conditions, 1, time.process_time)
        if cores == 1 or conditions.device != "cpu":
            return alone
        return min(alone, _median(cell, prepared, conditions, cores, time.perf_counter))
    finally:
        torch.set_num_threads(before)


def _median(
    cell: Cell,
    prepared: Prepared,
    conditions: Conditions,
    threads: int,
    clock: Callable[[], float],
) -> float:
    torch.set_num_threads(threads)
    with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        rig = Rig(cell, "solo", 1, prepared, conditions, clock)
        return statistics.median(rig.step(_SECONDS) for _ in range(_ROUNDS))

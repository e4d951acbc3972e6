"""How long a step takes to somebody who trains one network alone, with all cores or the GPU."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

import torch

from pipeline.calibration import Conditions, Rig

if TYPE_CHECKING:
    from pipeline.images import Prepared
    from pipeline.trial import Cell

__all__ = ["seconds_per_lone_step"]

_ROUNDS: Final = 3  # whose median counts
_SECONDS: Final = 0.1  # of a round


def seconds_per_lone_step(
    cell: Cell, prepared: Prepared, conditions: Conditions, threads: int
) -> float:
    """Wall-clock seconds of one optimiser step of one network that has the machine to itself.

    As by the solo kernel: gathering examples, forward, backward, update; evaluations apart. The
    median over a few rounds, in which other programs may still be felt: measure an idle machine.

    Args:
        cell: Model and batch size.
        prepared: Data to train on.
        conditions: Optimiser, precision and kind of device.
        threads: That torch computes with on a CPU.

    Returns:
        The seconds.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
            rig = Rig(cell, "solo", 1, prepared, conditions, time.perf_counter)
            return statistics.median(rig.step(_SECONDS) for _ in range(_ROUNDS))
    finally:
        torch.set_num_threads(before)

"""Grid curves made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.finickiness.grid import GridCurve

BUDGET = 12.0


def curve(
    rate: Sequence[float],
    cost: Sequence[float],
    *,
    unreached: Sequence[int] = (),
    replicate: int = 0,
    batch_size: int = 16,
    joint: bool = False,
) -> GridCurve:
    """log10 of rates and log2 of steps; infinite costs diverged."""
    reached = np.isfinite(cost)
    reached[list(unreached)] = False
    return GridCurve(
        "conv",
        batch_size,
        replicate,
        np.array(rate, dtype=np.float64),
        np.array(cost, dtype=np.float64),
        reached,
        BUDGET,
        joint,
    )

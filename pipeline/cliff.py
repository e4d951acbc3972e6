"""Where raising the learning rate stops replicates from reaching the goal at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Cliff", "cliff"]


class Cliff(NamedTuple):
    """The replicate that falls first.

    Attributes:
        edge: Lowest rate above a replicate's best at which it did not reach the goal.
        safe: Largest rate up to which every replicate reached the goal, so under ``edge``.
        steep: Whether every replicate that was tried above its best rate falls right there: steps
            still decrease up to the edge, which so is as far as the optimum can be.
    """

    edge: float
    safe: float
    steep: bool


def cliff(
    rate: NDArray[np.float64], cost: NDArray[np.float64], replicate: NDArray[np.int64]
) -> Cliff | None:
    """Between which learning rates the first replicate stops reaching the goal.

    Steps to goal say nothing of trials that never got there, so a curve fitted to those that did
    falls on through rates at which others failed, and its minimum may lie beyond. A replicate that
    was tried above its best rate and fell short, diverged or not, is evidence against that rate.
    Between its last rate that reached the goal and that one nothing is known: on the noisy
    quadratic the optimum lies just there, so only the rate itself is taken as the edge.

    Args:
        rate: Log of the learning rate [n].
        cost: Finite where the goal was reached, lowest at a replicate's best; NaN elsewhere [n].
        replicate: Index of the replicate [n].

    Returns:
        The cliff; None where no replicate fell short above its best.
    """
    falls: list[tuple[float, float]] = []
    steep = True
    for index in np.unique(replicate):
        own, reached = rate[replicate == index], np.isfinite(cost[replicate == index])
        if not reached.any():
            continue
        best = own[int(np.nanargmin(cost[replicate == index]))]
        short = own[~reached & (own > best)]
        first = float(short.min(initial=np.inf))
        last = float(own[reached & (own < first)].max())
        steep &= bool(best == last)
        if len(short):
            falls.append((first, last))
    if not falls:
        return None
    edges, lasts = zip(*falls, strict=True)
    return Cliff(min(edges), min(lasts), steep)

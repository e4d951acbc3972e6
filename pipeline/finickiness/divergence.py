"""F5, divergence: how much of the box breaks the training, and where the edge lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats

from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.finickiness.grid import GridCurve

__all__ = ["Edge", "diverged_share", "divergence_edge"]


@dataclass(frozen=True)
class Edge:
    """The learning rate from which training diverges.

    Attributes:
        rate: Learning rate with its interval over replicates, without limits where ``bound`` is
            given.
        bound: ``lower`` where the edge lies at that rate or above, ``upper`` at it or below.
    """

    rate: Interval
    bound: Literal["lower", "upper"] | None


def diverged_share(curves: Sequence[GridCurve], confidence: float) -> Interval:
    """Share of the identical box of learning rates that diverged, F5.

    The limits are the wider, on either side, of two: Student's over the replicates' shares, and
    Clopper and Pearson's of all trials as if independent. Trials of a grid are spread more evenly
    than independent ones, so the second is conservative; it serves where replicates agree by
    chance. Only a loss that is no longer finite counts: a trial stuck at guessing has not diverged.
    Source: docs/science.md, F5; Clopper & Pearson 1934.

    Args:
        curves: Grid curves of one cell, or of all cells of a model.
        confidence: Level of the interval, in (0, 1).

    Returns:
        A share in [0, 1]; all None without trials.
    """
    if not curves:
        return UNKNOWN
    broken = sum(int(np.sum(curve.diverged)) for curve in curves)
    trials = sum(len(curve.rate) for curve in curves)
    exact = stats.binomtest(broken, trials).proportion_ci(confidence, method="exact")
    by_replicate = [
        [curve for curve in curves if curve.replicate == index]
        for index in sorted({curve.replicate for curve in curves})
    ]
    shares = [
        sum(int(np.sum(c.diverged)) for c in own) / sum(len(c.rate) for c in own)
        for own in by_replicate
    ]
    student = mean_interval(np.array(shares), confidence)
    low = exact.low if student.low is None else max(min(exact.low, student.low), 0.0)
    high = exact.high if student.high is None else min(max(exact.high, student.high), 1.0)
    return Interval(broken / trials, float(low), float(high))


def divergence_edge(curves: Sequence[GridCurve], confidence: float) -> Edge | None:
    """Learning rate at which the trials of a cell begin to diverge.

    Per replicate half way, in log η, between the lowest rate that diverged and the next below it;
    the geometric mean over replicates with its Student interval. With it a learning rate can be
    read as a share of each model's own edge. A replicate that diverged nowhere counts at its
    highest rate, and the mean is then a lower bound; one that diverged from its lowest rate on
    counts there, and it is an upper one. Source: docs/science.md, F5.

    Args:
        curves: Grid curves of one cell.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The edge; a bound where some replicate has no rate on one side of it; None without trials,
        and where one has none above and another none below, which bounds nothing.
    """
    if not curves or any(curve.joint for curve in curves):
        return None
    above = any(not np.any(curve.diverged) for curve in curves)
    below = any(curve.diverged[0] for curve in curves)
    if above and below:
        return None
    edge = mean_interval(np.array([_edge(c) for c in curves]), confidence).map(lambda x: 10.0**x)
    if above or below:
        return Edge(Interval(edge.value), "lower" if above else "upper")
    return Edge(edge, None)


def _edge(curve: GridCurve) -> float:
    """log10 of a replicate's edge, or of the last rate on the side where it lies beyond."""
    if not np.any(curve.diverged):
        return float(curve.rate[-1])
    first = int(np.argmax(curve.diverged))
    return float(curve.rate[max(first - 1, 0)] + curve.rate[first]) / 2

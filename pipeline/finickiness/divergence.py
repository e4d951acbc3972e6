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
        rate: Learning rate with its interval over replicates; where ``bound`` is given, the
            lowest or highest one tried, without limits.
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
    read as a share of each model's own edge. Source: docs/science.md, F5.

    Args:
        curves: Grid curves of one cell.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The edge; a bound where some replicate has no rate on one side of it; None without trials.
    """
    if not curves or any(curve.joint for curve in curves):
        return None
    if any(curve.diverged[0] for curve in curves):
        lowest = max(curve.rate[0] for curve in curves if curve.diverged[0])
        return Edge(Interval(float(10**lowest)), "upper")
    whole = [curve for curve in curves if not np.any(curve.diverged)]
    if whole:
        return Edge(Interval(float(10 ** min(curve.rate[-1] for curve in whole))), "lower")
    first = [int(np.argmax(curve.diverged)) for curve in curves]
    edges = [
        float(curve.rate[at - 1] + curve.rate[at]) / 2
        for curve, at in zip(curves, first, strict=True)
    ]
    return Edge(mean_interval(np.array(edges), confidence).map(lambda x: float(10**x)), None)

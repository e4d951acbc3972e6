"""F4, search cost: how many random learning rates one has to try."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.finickiness.grid import GridCurve

__all__ = ["SearchCost", "chance", "search_cost"]

_WITHIN: Final = 1.2  # of the tuned steps
_SURE: Final = 0.9
_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class SearchCost:
    """The cost of one cell.

    Attributes:
        share: Share of grid points within 20 % of tuned, with the interval over replicates.
        trials: Fewest random grid trials of which one comes within 20 % of tuned with a chance of
            90 %; None where not even the whole grid does.
        points: Grid points of a replicate, the fewest.
        reason: Why there is none; empty where there is.
    """

    share: Interval
    trials: Interval
    points: int
    reason: str


def search_cost(curves: Sequence[GridCurve], tuned: float | None, confidence: float) -> SearchCost:
    """How many of the grid's trials, drawn at random, find a learning rate as good as tuned, F4.

    Per replicate the chance of n draws without replacement is 1 − C(N − w, n)/C(N, n), with w of
    its N points at most 1.2 times the tuned steps. It is averaged over replicates; the interval of
    ``trials`` is where the Student limits of that average cross 90 %. Tuned steps are confirm's,
    from fresh replicates: the sweep's own best would be a lucky minimum. Source: docs/science.md,
    F4; expected performance of a search budget, Dodge et al. 2019 (arXiv 1909.03004), section 3.

    Args:
        curves: Grid curves of one cell.
        tuned: Steps to the goal at the tuned learning rate; None where not known.
        confidence: Level of the intervals, in (0, 1).

    Returns:
        The cost, counts of trials.
    """
    if not curves:
        return SearchCost(UNKNOWN, UNKNOWN, 0, "the sweep has no grid trials")
    points = min(len(curve.rate) for curve in curves)
    if tuned is None:
        reason = "not every replicate of confirm reached the goal at the tuned learning rate"
        return SearchCost(UNKNOWN, UNKNOWN, points, reason)
    limit = math.log2(_WITHIN * tuned)
    inside = [(len(c.rate), int(np.sum(c.reached & (c.cost <= limit)))) for c in curves]
    share = mean_interval(np.array([w / n for n, w in inside]), confidence).map(_probability)
    chances = [
        mean_interval(np.array([chance(n, w, drawn) for n, w in inside]), confidence)
        for drawn in range(1, points + 1)
    ]
    trials = Interval(
        _first([one.value for one in chances]),
        _first([one.high for one in chances]),  # the higher the chance, the fewer the trials
        _first([one.low for one in chances]),
    )
    return SearchCost(share, trials, points, "")


def chance(points: int, inside: int, drawn: int) -> float:
    """Chance that ``drawn`` of ``points``, without replacement, hold one of ``inside``."""
    return 1 - math.comb(points - inside, drawn) / math.comb(points, drawn)


def _first(chances: Sequence[float | None]) -> float | None:
    """Number of draws, from 1, at which the chance is first 90 %."""
    enough = (i for i, one in enumerate(chances, 1) if one is not None and one >= _SURE - _ROUNDING)
    return next((float(number) for number in enough), None)


def _probability(number: float) -> float:
    return min(max(number, 0.0), 1.0)

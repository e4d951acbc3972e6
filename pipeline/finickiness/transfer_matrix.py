"""F2 for display: every batch size's tuned learning rate at every other, from the sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.finickiness.grid import GridCurve

__all__ = ["Transfer", "transfer_matrix"]


@dataclass(frozen=True)
class Transfer:
    """One entry of the matrix.

    Attributes:
        origin: Batch size whose tuned learning rate is taken.
        to: Batch size at which it is used.
        regret: log2 of steps over those at the tuned learning rate, with its interval; all None
            where a rate lies outside the grid or the tuned one reached no goal.
        bound: ``lower`` where some replicate was stopped before the goal.
    """

    origin: int
    to: int
    regret: Interval
    bound: str | None


class _Point(NamedTuple):
    """log2 steps at a learning rate, and whether they are the goal's or a bound under them."""

    cost: float
    reached: bool


def transfer_matrix(
    curves: Sequence[GridCurve], tuned: Mapping[int, float], confidence: float
) -> tuple[Transfer, ...]:
    """Regret of any batch size's tuned learning rate at any other, interpolated.

    Per replicate log2 steps are interpolated linearly in log η between neighbouring grid points;
    a censored neighbour counts at its last step and one that diverged at the budget, and the
    entry is then a lower bound. Student interval over replicates. It is for display: it reads the
    sweep, on which the tuned rates were chosen, and the race cuts it short at the race factor;
    `transfer_regret` measures. Source: docs/science.md, F2.

    Args:
        curves: Grid curves of one model.
        tuned: Tuned learning rates by batch size, before rounding.
        confidence: Level of the intervals, in (0, 1).

    Returns:
        Entries for all pairs of batch sizes with a tuned learning rate, the diagonal left out.
    """
    if any(curve.joint for curve in curves):
        return ()
    return tuple(
        _transfer(origin, to, [c for c in curves if c.batch_size == to], tuned, confidence)
        for origin in sorted(tuned)
        for to in sorted(tuned)
        if origin != to
    )


def _transfer(
    origin: int,
    to: int,
    curves: Sequence[GridCurve],
    tuned: Mapping[int, float],
    confidence: float,
) -> Transfer:
    carried = [_at(curve, math.log10(tuned[origin])) for curve in curves]
    own = [_at(curve, math.log10(tuned[to])) for curve in curves]
    pairs = [(a, b) for a, b in zip(carried, own, strict=True) if a is not None and b is not None]
    # All replicates or none: those whose shifted grid ends short of a rate are no random part.
    if not pairs or len(pairs) < len(curves) or not all(b.reached for _, b in pairs):
        return Transfer(origin, to, UNKNOWN, None)
    regret = mean_interval(np.array([a.cost - b.cost for a, b in pairs]), confidence)
    return Transfer(origin, to, regret, None if all(a.reached for a, _ in pairs) else "lower")


def _at(curve: GridCurve, rate: float) -> _Point | None:
    """The interpolated cost at log10 of a learning rate; None outside the grid."""
    if not curve.rate[0] <= rate <= curve.rate[-1]:
        return None
    after = max(int(np.searchsorted(curve.rate, rate)), 1) if len(curve.rate) > 1 else 0
    before = max(after - 1, 0)
    cost = np.minimum(curve.cost[[before, after]], curve.budget)
    width = curve.rate[after] - curve.rate[before]
    share = float((rate - curve.rate[before]) / width) if width else 0.0
    used = [i for i, weight in ((before, 1 - share), (after, share)) if weight]
    return _Point(float(cost[0] * (1 - share) + cost[1] * share), bool(np.all(curve.reached[used])))

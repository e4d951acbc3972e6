"""The trade-off between steps and examples: S(B) = S_min (1 + B_crit / B), and what doubts it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import special

from pipeline.bounded import NOT_RESOLVED, Bounded
from pipeline.hyperbola import Hyperbola, Space
from pipeline.hyperbola_fit import HyperbolaFit, best_hyperbola
from pipeline.replicates import Common, Replicates, Usable, apart, usable
from pipeline.shape_free import overhead20, slope_half
from pipeline.smooth_curve import smooth_slopes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CriticalBatchSizes", "LackOfFit", "TradeOff", "fit_trade_off", "trade_off"]

_FEWEST: Final = 3  # batch sizes: two parameters and one to disagree


@dataclass(frozen=True)
class CriticalBatchSizes:
    """Three definitions of one thing, in examples; where they disagree, the hyperbola misfits.

    Attributes:
        hyperbola: E_min / S_min, with its profile interval.
        overhead20: Where examples are 20 % above E_min; B_crit / 5 on a hyperbola.
        slope_half: Where d log S / d log B = −1/2; B_crit on a hyperbola.
    """

    hyperbola: Bounded = NOT_RESOLVED
    overhead20: Bounded = NOT_RESOLVED
    slope_half: Bounded = NOT_RESOLVED


@dataclass(frozen=True)
class LackOfFit:
    """F test of the hyperbola against free cell means.

    Attributes:
        statistic: Mean square of misfit over mean square between replicates.
        p_value: Probability of as much under a true hyperbola.
        dof: Degrees of freedom of misfit and of replicates.
    """

    statistic: float
    p_value: float
    dof: tuple[int, int]


@dataclass(frozen=True)
class TradeOff:
    """The fit of one model at one goal.

    Attributes:
        s_min: Fewest steps, at unlimited batch size.
        e_min: Fewest examples, at batch size 0.
        b_crit: Critical batch size, under three definitions.
        lack_of_fit: None without replicates.
        points: Batch sizes with a replicate at the goal that the hyperbola is fitted to.
        resolved: Whether the hyperbola's critical batch size has an interval or a bound.
        reason: Why not, and which batch sizes were left out; empty if nothing is to be said.
    """

    s_min: Bounded
    e_min: Bounded
    b_crit: CriticalBatchSizes
    lack_of_fit: LackOfFit | None
    points: int
    resolved: bool
    reason: str


def trade_off(observed: pd.DataFrame, confidence: float, space: Space = "log") -> TradeOff:
    """Fit observations of one model at one goal, as `fit_trade_off` does.

    Args:
        observed: Columns ``batch_size``, ``kind``, ``steps`` and, where replicates have labels,
            ``replicate``, as `pipeline.observations` has them.
        confidence: Level of the intervals, in (0, 1).
        space: What the hyperbola's residuals are differences of: log steps, or steps.

    Returns:
        The fit. Source: that of `fit_trade_off`.
    """
    labelled = "replicate" in observed
    rows = Replicates(
        observed["batch_size"].to_numpy(dtype=np.int64),
        observed["steps"].to_numpy(dtype=np.float64),
        observed["kind"].to_numpy(dtype=np.str_),
        observed["replicate"].to_numpy(dtype=np.int64) if labelled else None,
    )
    return fit_trade_off(rows, confidence, space)


def fit_trade_off(measured: Replicates, confidence: float, space: Space = "log") -> TradeOff:
    """Fit log S = log S_min + log(1 + B_crit / B) by least squares on the log of every replicate.

    All replicates weigh the same, that is, cells weigh by their number of replicates over one
    pooled variance. In linear space residuals are steps instead, the small batch sizes with their
    many steps outweigh the others, and the numbers are others. The interval is the set of B_crit
    whose profile sum of squares exceeds the least by no more than s² F(1, dof) at the level: s² is
    the pooled variance between replicates where it has as many degrees of freedom as the misfit
    or more, and the residual variance with n − 2 otherwise. The former knows nothing of misfit:
    read ``lack_of_fit`` beside the interval. S_min and E_min have the limits of the same set of
    fits. An estimate outside the measured batch sizes, or a limit at 0 or infinity, leaves a
    one-sided bound (`pipeline.bounded`).

    What a replicate has in common at all batch sizes moves S_min and E_min, and not B_crit. In log
    space it is taken off where every batch size has every replicate (`apart`), so that B_crit and
    the test of fit don't pay for it, and put back where it belongs, into the limits of S_min and
    E_min (`pipeline.hyperbola_fit`). Elsewhere replicates of different batch sizes count as
    independent.

    Censored replicates enter the hyperbola, and approximately its test of fit, by the probability
    that they take longer than was seen (`pipeline.hyperbola`): to leave their batch sizes out
    would select the quick ones. The smooth curve does leave those batch sizes out. Those at which
    some replicate diverged are left out of everything, since a lognormal spread of steps has no
    place for that. Failed replicates are as if never run. ``reason`` names them all.
    The two other definitions come from `pipeline.smooth_curve`, in log space always. Source:
    McCandlish et al. 2018 (arXiv 1812.06162), eq. 2.11, in the form of docs/science.md, estimand 4;
    profile interval and lack of fit as in Bates & Watts 1988, sections 1.3.2 and 6.1.

    Args:
        measured: Rows in any order.
        confidence: Level of the intervals, in (0, 1).
        space: What the hyperbola's residuals are differences of: log steps, or steps.

    Returns:
        The fit; unresolved, with the reason, where fewer than 3 batch sizes are left or the data
        bound B_crit on neither side.
    """
    rows = usable(measured)
    free = _shape_free(*apart(rows.whole), confidence)
    rows = rows.apart() if space == "log" else rows
    points = rows.fitted.points
    if points < _FEWEST:
        short = f"{points} batch sizes with a replicate at the goal, of {_FEWEST} needed"
        reason = "; ".join([short, *rows.remarks])
        return TradeOff(
            NOT_RESOLVED, NOT_RESOLVED, CriticalBatchSizes(), None, points, False, reason
        )
    fit = best_hyperbola(rows, confidence, space)
    critical = fit.b_crit
    open_ended = ["the measured batch sizes bound B_crit on neither side"]
    return TradeOff(
        fit.s_min,
        fit.e_min,
        CriticalBatchSizes(critical, *free),
        _lack_of_fit(rows, fit, space),
        points,
        critical.resolved,
        "; ".join([*([] if critical.resolved else open_ended), *rows.remarks]),
    )


def _shape_free(
    whole: Replicates, common: Common | None, confidence: float
) -> tuple[Bounded, Bounded]:
    """The two definitions that need no formula, in examples."""
    if whole.points < _FEWEST:
        return NOT_RESOLVED, NOT_RESOLVED
    sizes, cell = np.unique(whole.size, return_inverse=True)
    order = np.lexsort((whole.steps, cell))
    cell, steps, count = cell[order], np.log(whole.steps[order]), np.bincount(cell)
    means = np.bincount(cell, steps) / count
    pure, dof = Hyperbola(whole.size, whole.steps).pure()
    dof = (dof - (common.dof if common else 0)) if pure else 0
    slopes = smooth_slopes(np.log(sizes), means, count, pure, dof)
    ends = math.log(sizes[0]), math.log(sizes[-1])
    return (
        overhead20(slopes, ends, confidence).map(math.exp),
        slope_half(slopes, ends, confidence).map(math.exp),
    )


def _lack_of_fit(rows: Usable, fit: HyperbolaFit, space: Space) -> LackOfFit | None:
    """The misfit of all rows beside the spread between replicates of the whole batch sizes.

    A batch size without any reached replicate adds its squares and, at most, a degree of freedom.
    """
    if not rows.whole.points:
        return None
    pure, dof = Hyperbola(rows.whole.size, rows.whole.steps, space=space).pure()
    if not pure:
        return None
    unreached = len(np.unique(rows.fitted.size)) - fit.curve.points
    degrees = fit.curve.points - 2 + unreached, dof - rows.spent
    misfit = max(fit.curve.at(fit.best) - fit.curve.pure()[0], 0.0)
    statistic = misfit / degrees[0] / (pure / degrees[1])
    return LackOfFit(statistic, float(special.fdtrc(*degrees, statistic)), degrees)

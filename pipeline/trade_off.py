"""The trade-off between steps and examples: S(B) = S_min (1 + B_crit / B), fitted in log space."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from scipy import stats

from pipeline.hyperbola import Hyperbola
from pipeline.intervals import t_quantile

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["CriticalBatchSize", "LackOfFit", "TradeOff", "trade_off"]

_FEWEST: Final = 3  # batch sizes: two parameters and one to disagree
_ROUNDING: Final = 1e-20  # squared log steps: replicates this close are equal


@dataclass(frozen=True)
class CriticalBatchSize:
    """B_crit = E_min / S_min in examples, with its profile interval.

    Attributes:
        value: The estimate; None where it lies outside the measured batch sizes.
        low: Lower limit; None where unbounded.
        high: Upper limit; None where unbounded.
        bound: ``lower`` where only ``low`` is an answer, ``upper`` where only ``high`` is.
    """

    value: float | None
    low: float | None
    high: float | None
    bound: Literal["lower", "upper"] | None


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
        s_min: Fewest steps, at unlimited batch size; None where not measured.
        e_min: Fewest examples, at batch size 0; None where not measured.
        b_crit: Critical batch size; None where not resolved.
        lack_of_fit: None without replicates.
        points: Batch sizes in the fit.
        resolved: Whether there is an interval or a one-sided bound.
        reason: Why not, and which batch sizes were left out; empty if nothing is to be said.
    """

    s_min: float | None
    e_min: float | None
    b_crit: CriticalBatchSize | None
    lack_of_fit: LackOfFit | None
    points: int
    resolved: bool
    reason: str


def trade_off(observed: pd.DataFrame, confidence: float) -> TradeOff:
    """Fit log S = log S_min + log(1 + B_crit / B) by least squares on the log of every replicate.

    All replicates weigh the same, that is, cells weigh by their number of replicates over one
    pooled variance. In linear space the numbers would differ. The interval is the set of B_crit
    whose profile sum of squares exceeds the least by no more than s² F(1, dof) at the level: s² is
    the pooled variance between replicates with its degrees of freedom, or the residual variance
    with n − 2 where there are none (or they all agree). s² knows nothing of misfit: read
    ``lack_of_fit`` beside the interval. An estimate outside the measured batch sizes, or a limit at
    0 or infinity, leaves a one-sided bound, at its two-sided limit and so conservative. Replicates
    of different batch sizes count as independent, though those of one index share their
    initialisation; a part common to all batch sizes moves S_min and not B_crit.

    Batch sizes at which some replicate was censored or diverged are left out of the fit (the mean
    of the others would be too low) and named in ``reason``; failed replicates are counted there
    too, and the cell stays in with the others. Source: McCandlish et al. 2018 (arXiv 1812.06162),
    eq. 2.11, in the form of SCIENCE.md, estimand 4; profile interval and lack of fit as in
    Bates & Watts 1988, sections 1.3.2 and 6.1.

    Args:
        observed: Observations of one model at one goal: ``batch_size``, ``kind``, ``steps``.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The fit; unresolved, with the reason, where fewer than 3 batch sizes are left or the data
        bound B_crit on neither side.
    """
    kind = observed["kind"].to_numpy(dtype=np.str_)
    size = observed["batch_size"].to_numpy(dtype=np.int64)
    steps = observed["steps"].to_numpy(dtype=np.float64)
    kept, remarks = _complete(size, kind)
    points = len(np.unique(size[kept]))
    if points < _FEWEST:
        short = f"{points} batch sizes with every replicate at the goal, of {_FEWEST} needed"
        return TradeOff(None, None, None, None, points, False, "; ".join([short, *remarks]))
    return _fit(Hyperbola(size[kept], steps[kept]), confidence, remarks)


def _complete(
    size: NDArray[np.int64], kind: NDArray[np.str_]
) -> tuple[NDArray[np.bool_], list[str]]:
    """Replicates of the batch sizes at which every measured one reached the goal; remarks."""
    kept = kind == "reached"
    remarks: list[str] = []
    for one in np.unique(size):
        kinds = kind[size == one]
        reached, missing = int(np.sum(kinds == "reached")), int(np.sum(kinds == "missing"))
        if reached + missing < len(kinds):
            kept &= size != one
            remarks.append(
                f"batch size {one} left out: {reached} of {len(kinds)} replicates reached the goal"
            )
        if missing:
            remarks.append(f"batch size {one}: {missing} of {len(kinds)} replicates failed")
    return kept, remarks


def _fit(hyperbola: Hyperbola, confidence: float, remarks: list[str]) -> TradeOff:
    measured, points = hyperbola.measured, hyperbola.points
    best = hyperbola.minimum()
    least = hyperbola.at(best)
    pure, dof = hyperbola.pure()
    lack = _lack_of_fit(least, pure, (points - 2, dof))
    squares, dof = (pure, dof) if lack else (least, points - 2)
    threshold = least + squares / dof * t_quantile(confidence, dof) ** 2
    b_crit = _critical(best, *hyperbola.limits(best, threshold), measured)
    if b_crit is None:
        reason = "; ".join(["the measured batch sizes bound B_crit on neither side", *remarks])
        return TradeOff(None, None, None, lack, points, False, reason)
    level = hyperbola.level(best)
    s_min = None if best > measured[1] else math.exp(level)
    e_min = None if best < measured[0] else math.exp(level + best)
    return TradeOff(s_min, e_min, b_crit, lack, points, True, "; ".join(remarks))


def _critical(
    best: float, low: float | None, high: float | None, measured: tuple[float, float]
) -> CriticalBatchSize | None:
    """What estimate and limits of θ say of B_crit, given the logs of the extreme batch sizes."""
    bracketed = measured[0] <= best <= measured[1]
    value = math.exp(best) if bracketed else None
    lower = None if low is None else math.exp(low)
    upper = None if high is None else math.exp(high)
    if bracketed and lower is not None and upper is not None:
        return CriticalBatchSize(value, lower, upper, None)
    if lower is not None and best >= measured[0]:
        return CriticalBatchSize(value, lower, None, "lower")
    if upper is not None and best <= measured[1]:
        return CriticalBatchSize(value, None, upper, "upper")
    return None


def _lack_of_fit(least: float, pure: float, dof: tuple[int, int]) -> LackOfFit | None:
    if dof[1] < 1 or pure <= _ROUNDING:
        return None
    statistic = max(least - pure, 0.0) / dof[0] / (pure / dof[1])
    return LackOfFit(statistic, float(stats.f.sf(statistic, *dof)), dof)

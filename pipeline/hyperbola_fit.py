"""The best hyperbola through steps to a goal, and what its limits may cost in squares."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import optimize

from pipeline.bounded import Bounded, bounded
from pipeline.hyperbola import Hyperbola, Limits, Space
from pipeline.intervals import t_quantile

if TYPE_CHECKING:
    from pipeline.replicates import Common, Usable

__all__ = ["HyperbolaFit", "Widening", "best_hyperbola"]

_FARTHEST: Final = 300.0  # log of the ratio of a limit to its estimate, beyond which floats end
_FLOOR: Final = 1e-6  # of the spread, in log steps or relative to the steps


@dataclass(frozen=True)
class Widening:
    """Limits of a level of log steps, beside which replicates have something in common.

    Profile limits are t standard errors from the estimate, of which each batch size's own noise is
    all. Of that the part that comes of the mean over all batch sizes is replaced by the variance of
    the mean that replicates show, and t by Student's at the degrees of freedom of the sum. Source:
    Satterthwaite 1946, "An approximate distribution of estimates of variance components".

    Attributes:
        confidence: Level of the limits, in (0, 1).
        variance: Of log steps, what scatters by batch size alone.
        dof: Its degrees of freedom.
        common: The mean's variance as replicates show it.
    """

    confidence: float
    variance: float
    dof: int
    common: Common

    def factor(self, limit: float) -> float:
        """How far off, as a ratio of at least 1, a limit lies that lay ``limit`` off."""
        error = max(math.log(limit), 0.0) / t_quantile(self.confidence, self.dof)
        mean = self.variance / (self.common.points * (self.common.dof + 1))
        own = max(error**2 - mean, 0.0)
        total = own + self.common.variance
        if not total:
            return 1.0
        dof = total**2 / (own**2 / self.dof + self.common.variance**2 / self.common.dof)
        return math.exp(min(t_quantile(self.confidence, dof) * math.sqrt(total), _FARTHEST))


@dataclass(frozen=True)
class HyperbolaFit:
    """Where the sum of squares is least, and up to where a fit still agrees with the data.

    Attributes:
        curve: The sum of squares over θ = log B_crit.
        best: θ at its least.
        threshold: Largest sum of squares inside the limits.
        widening: Of the limits of S_min and E_min, for what replicates have in common.
    """

    curve: Hyperbola
    best: float
    threshold: float
    widening: Widening | None

    @property
    def b_crit(self) -> Bounded:
        """E_min / S_min, in examples."""
        limits = self.curve.limits(self.best, self.threshold)
        return bounded(self.best, *limits, self.curve.measured).map(math.exp)

    @property
    def s_min(self) -> Bounded:
        """Steps at unlimited batch size; with an upper limit only where they could be 0."""
        value = self.curve.s_min(self.best)
        low, high = self._widened(value, self.curve.s_min_limits(self.best, self.threshold))
        return _capped(value, low, high, self.best <= self.curve.measured[1])

    @property
    def e_min(self) -> Bounded:
        """Examples at batch size 0; with an upper limit only where they could be 0."""
        value = self.curve.s_min(self.best) * math.exp(self.best)
        low, high = self._widened(value, self.curve.e_min_limits(self.best, self.threshold))
        return _capped(value, low, high, self.best >= self.curve.measured[0])

    def _widened(self, value: float, limits: Limits) -> Limits:
        low, high = limits
        if self.widening is None:
            return limits
        return (
            None if low is None else value / self.widening.factor(value / low),
            None if high is None else value * self.widening.factor(high / value),
        )


def best_hyperbola(rows: Usable, confidence: float, space: Space) -> HyperbolaFit:
    """Fit a hyperbola, and set the threshold of its profile limits.

    The threshold is the least sum of squares and s² F(1, dof): s² is the pooled variance between
    replicates where that has at least as many degrees of freedom as the misfit, and the residual
    variance otherwise, with those of all rows; of batch sizes, where replicates all agree. Which
    of the two is settled by the numbers of replicates, not by what they say. With censored rows
    and the residual variance, σ is the maximum of the likelihood with n − 2 in place of n, n rows
    having reached the goal. Source: Bates & Watts 1988, sections 1.3.2 and 6.1; Tobin 1958.

    Args:
        rows: At least 3 batch sizes with a replicate at the goal.
        confidence: Level of the limits, in (0, 1).
        space: What residuals are differences of.

    Returns:
        The fit.
    """
    fitted = rows.fitted
    reached = fitted.where(~fitted.censored)
    alone = Hyperbola(reached.size, reached.steps, space=space)
    whole = Hyperbola(rows.whole.size, rows.whole.steps, space=space) if rows.whole.points else None
    pure, dof = whole.pure() if whole else (0.0, 0)
    dof -= rows.spent
    if not (pure and dof >= alone.points - 2):
        dof = (len(reached.size) - rows.spent if alone.pure()[0] else alone.points) - 2
        pure = None
    if np.any(fitted.censored):
        spread = math.sqrt(pure / dof) if pure else _likeliest_spread(rows, alone, dof, space)
        curve = Hyperbola(*fitted[:2], fitted.censored, space=space, spread=spread)
        best = curve.minimum()
        variance = spread**2
    else:
        curve, best = alone, alone.minimum()
        variance = (curve.at(best) if pure is None else pure) / dof
    widening = Widening(confidence, variance, dof, rows.common) if rows.common else None
    threshold = curve.at(best) + variance * t_quantile(confidence, dof) ** 2
    return HyperbolaFit(curve, best, threshold, widening)


def _capped(value: float, low: float | None, high: float | None, measured: bool) -> Bounded:
    known = value if measured else None
    if known is None or low is None:
        return Bounded(known, None, high, "upper")
    return Bounded(known, min(low, known), None if high is None else max(high, known))


def _likeliest_spread(rows: Usable, alone: Hyperbola, dof: int, space: Space) -> float:
    """The σ of the largest likelihood, over θ too, sought from the reached rows' own fit."""
    fitted, start = rows.fitted, alone.minimum()
    floor = _FLOOR * (float(np.mean(fitted.steps)) if space == "linear" else 1.0)

    def cost(at: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        spread = max(math.exp(at[1]), floor)
        curve = Hyperbola(*fitted[:2], fitted.censored, space=space, spread=spread)
        return dof * math.log(spread) + curve.at(float(at[0])) / (2 * spread**2)

    first = np.array([start, math.log(max(math.sqrt(alone.at(start) / dof), 2 * floor))])
    found = optimize.minimize(
        cost, first, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 1000}
    )
    return max(math.exp(float(found.x[1])), floor)

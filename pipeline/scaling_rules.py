"""How the tuned learning rate grows with batch size: six rules, compared by AICc."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.intervals import Interval, t_quantile
from pipeline.rule_curves import CURVES, CurveFit

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["LeftOut", "RuleFit", "ScalingRules", "scaling_rules"]

_FEWEST_WIDTH: Final = math.log(1.02)  # a narrower one is luck, and would outweigh all others
_CLEAR: Final = 2.0  # difference of AICc under which rules are not told apart
_FEWEST: Final = 3


@dataclass(frozen=True)
class RuleFit:
    """One rule fitted to one model's tuned learning rates.

    Attributes:
        rule: Its name.
        level: Learning rate: η at batch size 1 of constant, linear, sqrt and power; η_max of
            saturating and surge. None where the fit has no finite one.
        shape: α of power; B_n of saturating and surge, None where not between the batch sizes
            measured by far; always None for rules without a second parameter.
        aicc: Corrected Akaike information criterion; None where there are too few batch sizes.
        delta: Its excess over the least.
        weight: Akaike weight among the rules that have one.
    """

    rule: str
    level: Interval
    shape: Interval
    aicc: float | None
    delta: float | None
    weight: float | None


@dataclass(frozen=True)
class LeftOut:
    """A batch size that is not fitted, and why."""

    batch_size: int
    reason: str


@dataclass(frozen=True)
class ScalingRules:
    """All rules of one model.

    Attributes:
        fits: One per rule, in a fixed order.
        best: The rule of least AICc where no other is within 2 of it; None if not resolved.
        candidates: Rules within 2 of the least AICc.
        points: Batch sizes fitted.
        effective: Whether η/(1 − momentum) was fitted, for momentum differs between batch sizes.
        left_out: Batch sizes without a tuned learning rate inside the box.
        reason: Why no rule is resolved; empty where one is.
    """

    fits: tuple[RuleFit, ...]
    best: str | None
    candidates: tuple[str, ...]
    points: int
    effective: bool
    left_out: tuple[LeftOut, ...]
    reason: str


def scaling_rules(tuned: pd.DataFrame, confidence: float) -> ScalingRules:
    """Fit log η(B) by weighted least squares under every rule, and compare them by AICc.

    constant: η; linear: η·B (Goyal et al. 2017, arXiv 1706.02677); sqrt: η·√B (Hoffer et al. 2017,
    arXiv 1705.08741); power: η·B^α; saturating: η_max/(1 + B_n/B) (McCandlish et al. 2018, arXiv
    1812.06162, for SGD); surge: η_max/[½(√(B_n/B) + √(B/B_n))] (Li et al. 2024, arXiv 2405.14578,
    for Adam). Weights are the inverse squares of the tuned intervals' widths in log η; their common
    scale is estimated, so that AICc = n·log(RSS/n) + 2k + 2k(k + 1)/(n − k − 1) with k the rule's
    parameters and that scale (Hurvich & Tsai 1989). Intervals of parameters profile the sum of
    squares with F(1, n − p). The rules are not resolved where fewer than two of them have an AICc,
    or another lies within 2 of the least. Source: docs/science.md, estimand 5; Burnham & Anderson
    2002, "Model Selection and Multimodel Inference", section 2.6.

    Args:
        tuned: Rows of `pipeline.tuning.tuned_learning_rates` of one model.
        confidence: Level of the intervals, in (0, 1).

    Returns:
        The fits; batch sizes whose optimum lies at an edge of the box are left out and named.
    """
    tuned = tuned.sort_values("batch_size")
    usable = (tuned["method"] != "none") & (tuned["edge"] == "") & tuned["learning_rate"].notna()
    left_out = tuple(
        LeftOut(int(size), "no tuned learning rate" if edge == "" else f"at the {edge} edge")
        for size, edge in zip(tuned["batch_size"][~usable], tuned["edge"][~usable], strict=True)
    )
    kept = tuned[usable]
    effective = kept["momentum"].nunique() > 1
    if len(kept) < _FEWEST:
        reason = f"{len(kept)} batch sizes with a tuned learning rate, of {_FEWEST} needed"
        return ScalingRules((), None, (), len(kept), effective, left_out, reason)
    size = np.log(kept["batch_size"].to_numpy(dtype=np.float64))
    shift = np.log1p(-kept["momentum"].to_numpy(dtype=np.float64)) if effective else 0.0
    rate = np.log(kept["learning_rate"].to_numpy(dtype=np.float64)) - shift
    weight = _weights(kept)
    fits = {name: CurveFit(name, size, rate, weight) for name in CURVES}
    return _compared(fits, len(kept), effective, left_out, confidence)


def _weights(kept: pd.DataFrame) -> NDArray[np.float64]:
    """Inverse squared interval widths, 1 on average."""
    width = np.log(kept["high"].to_numpy(dtype=np.float64) / kept["low"].to_numpy(dtype=np.float64))
    weight: NDArray[np.float64] = np.maximum(width, _FEWEST_WIDTH) ** -2.0
    return weight / weight.mean()


def _compared(
    fits: dict[str, CurveFit],
    points: int,
    effective: bool,
    left_out: tuple[LeftOut, ...],
    confidence: float,
) -> ScalingRules:
    scores = {name: _aicc(fit, points) for name, fit in fits.items()}
    known = {name: score for name, score in scores.items() if score is not None}
    least = min(known.values(), default=math.nan)
    total = sum(math.exp((least - score) / 2) for score in known.values())
    rules = tuple(
        RuleFit(
            name,
            *_parameters(fit, points, confidence),
            scores[name],
            known[name] - least if name in known else None,
            math.exp((least - known[name]) / 2) / total if name in known else None,
        )
        for name, fit in fits.items()
    )
    candidates = tuple(name for name, score in known.items() if score - least < _CLEAR)
    reason = _unresolved(len(known), candidates, points)
    best = None if reason else candidates[0]
    return ScalingRules(rules, best, candidates, points, effective, left_out, reason)


def _unresolved(known: int, candidates: tuple[str, ...], points: int) -> str:
    if known < len(CURVES):
        return f"{points} batch sizes are too few for the AICc of every rule"
    if len(candidates) > 1:
        return f"{', '.join(candidates)} lie within {_CLEAR:g} of the least AICc"
    return ""


def _aicc(fit: CurveFit, points: int) -> float | None:
    """Of the rule's parameters and the scale; None where n − k − 1 is not positive."""
    k = fit.parameters + 1
    if points - k - 1 < 1:
        return None
    # No residual at all is rounding: the floor keeps rules without any equal.
    likelihood = points * math.log(max(fit.squares / points, 1e-24))
    return likelihood + 2 * k + 2 * k * (k + 1) / (points - k - 1)


def _parameters(fit: CurveFit, points: int, confidence: float) -> tuple[Interval, Interval]:
    dof = points - fit.parameters
    threshold = fit.squares * (1 + t_quantile(confidence, dof) ** 2 / dof) if dof > 0 else None
    return fit.level(threshold), fit.shape(threshold)

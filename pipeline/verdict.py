"""Is one model more finicky than another? One measure, paired, corrected, at three goals."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval
from pipeline.paired_test import Step, holm, paired_p_value
from pipeline.power import detectable, replicates_needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RULE", "Beside", "Verdict", "verdicts"]

RULE: Final = "constant"
"""The primary measure is F2 with the learning rate left unchanged."""

_GOALS: Final = 3
_POWER: Final = 0.8
_REACHED: Final = "reached"


@dataclass(frozen=True)
class Beside:
    """Batch sizes that the comparison cannot hold, for not every replicate reached the goal there.

    Attributes:
        only_first: Where only the first model did.
        only_second: Where only the second did.
        neither: Where neither did.
        counted_at_budget: First minus second regret over all batch sizes whose tuned rates reach
            the goal, never-reached counted at the budget: a difference of lower bounds, and none
            that a verdict may rest on.
    """

    only_first: tuple[int, ...]
    only_second: tuple[int, ...]
    neither: tuple[int, ...]
    counted_at_budget: Interval


@dataclass(frozen=True)
class Verdict:
    """One pair of models compared.

    Attributes:
        first: Model.
        second: Model, later in params.yaml.
        consecutive: Whether it is the next one in params.yaml.
        difference: First minus second regret at the hardest goal, in octaves, with its interval.
        corrected: The same with the limits at the level of Holm's step.
        p_value: Two-sided, of the paired t test; None where it cannot be made.
        p_corrected: After Holm's correction over all pairs tested.
        signs: Mean differences at every goal, hardest last.
        more_finicky: The model with the larger regret; None where not resolved.
        batch_sizes: Those that both reach, over which regrets are averaged.
        replicates: Pairs of replicates.
        detectable: Difference that these replicates find with power 80 %.
        replicates_needed: Replicates that would find the difference seen with power 80 %.
        beside: What the comparison leaves out.
        reason: Why not resolved; empty where it is.
    """

    first: str
    second: str
    consecutive: bool
    difference: Interval
    corrected: Interval
    p_value: float | None
    p_corrected: float | None
    signs: tuple[float, ...]
    more_finicky: str | None
    batch_sizes: tuple[int, ...]
    replicates: int
    detectable: float | None
    replicates_needed: int | None
    beside: Beside
    reason: str


class _Pair(NamedTuple):
    """What is known of a pair before the correction; differences [goals][replicates]."""

    names: tuple[str, str]
    consecutive: bool
    differences: list[NDArray[np.float64]]
    batch_sizes: tuple[int, ...]
    beside: Beside


def verdicts(
    table: pd.DataFrame,
    models: Sequence[str],
    reference: int,
    goals: Sequence[float],
    confidence: float,
) -> tuple[Verdict, ...]:
    """Compare every pair of models by transfer regret at unchanged learning rate.

    Per replicate, regret is averaged over the batch sizes (other than the reference) at which
    every replicate of both models reached the hardest goal, tuned and unchanged: there all steps
    are measured, none is a bound, and what reached the hardest goal reached the easier ones. The
    two averages of a replicate are paired (its data order is common) and their difference is tested
    by Student's t over replicates, at the hardest goal, with Holm's correction over all pairs
    that can be tested. A verdict needs the corrected interval to exclude 0 and the same sign at
    every goal, three at least. The replicates needed are those for the difference seen, at the
    first, strictest of Holm's levels. Source: SCIENCE.md, Verdict; Holm 1979, "A simple
    sequentially rejective multiple test procedure".

    Args:
        table: Rows of `pipeline.finickiness.transfer_regret.regrets`.
        models: In the order of params.yaml.
        reference: Batch size whose learning rate is carried over.
        goals: All levels, hardest last.
        confidence: One minus the level of the whole family of tests, in (0, 1).

    Returns:
        A verdict per pair, in the order of ``models``.
    """
    rows = table[(table["rule"] == RULE) & (table["batch_size"] != reference)]
    pairs = [
        _pair(rows, (models[i], models[j]), j == i + 1, goals, confidence)
        for i, j in combinations(range(len(models)), 2)
    ]
    p_values = [paired_p_value(pair.differences[-1]) for pair in pairs]
    steps = holm([p for p in p_values if p is not None])
    corrected = iter(steps)
    return tuple(
        _verdict(pair, p, None if p is None else next(corrected), len(steps), confidence)
        for pair, p in zip(pairs, p_values, strict=True)
    )


def _pair(
    rows: pd.DataFrame,
    names: tuple[str, str],
    consecutive: bool,
    goals: Sequence[float],
    confidence: float,
) -> _Pair:
    own = [rows[rows["model"] == name] for name in names]
    reached = [_reached(part[part["goal"] == goals[-1]]) for part in own]
    shared = sorted(set(reached[0]) & set(reached[1]))
    both = tuple(size for size in shared if reached[0][size] and reached[1][size])
    differences = [_differences(own, goal, both) for goal in goals]
    tuned = [_tuned(part[part["goal"] == goals[-1]]) for part in own]
    counted = sorted(tuned[0] & tuned[1])
    beside = Beside(
        tuple(size for size in shared if reached[0][size] and not reached[1][size]),
        tuple(size for size in shared if reached[1][size] and not reached[0][size]),
        tuple(size for size in shared if not reached[0][size] and not reached[1][size]),
        mean_interval(_differences(own, goals[-1], counted), confidence),
    )
    return _Pair(names, consecutive, differences, both, beside)


def _reached(part: pd.DataFrame) -> dict[int, bool]:
    """By batch size with any measured replicate, whether all reached the goal, both ways."""
    measured = part[np.isfinite(part["regret"])]
    both = (measured["kind"] == _REACHED) & (measured["tuned_kind"] == _REACHED)
    lost = set(measured.loc[~both, "batch_size"].tolist())
    return {int(size): size not in lost for size in measured["batch_size"].tolist()}


def _tuned(part: pd.DataFrame) -> set[int]:
    """Batch sizes at which all measured replicates reached the goal at the tuned rate."""
    measured = part[np.isfinite(part["regret"])]
    lost = set(measured.loc[measured["tuned_kind"] != _REACHED, "batch_size"].tolist())
    return {int(size) for size in measured["batch_size"].tolist() if size not in lost}


def _differences(
    own: Sequence[pd.DataFrame], goal: float, sizes: Sequence[int]
) -> NDArray[np.float64]:
    """Per replicate measured at all ``sizes`` in both models, first minus second mean regret."""
    means: list[pd.Series[float]] = []
    for part in own:
        kept = part[(part["goal"] == goal) & part["batch_size"].isin(sizes)]
        wide = kept.set_index(["replicate", "batch_size"])["regret"].unstack()
        means.append(wide.dropna().mean(axis=1))
    both = (means[0] - means[1]).dropna().sort_index()
    return np.asarray(both, dtype=np.float64)


def _verdict(
    pair: _Pair, p: float | None, step: Step | None, tests: int, confidence: float
) -> Verdict:
    hardest = pair.differences[-1]
    level = 1 - confidence
    deviation = float(np.std(hardest, ddof=1)) if len(hardest) > 1 else None
    corrected, left = step or (None, 1)
    signs = tuple(float(np.mean(d)) for d in pair.differences if len(d))
    reason = _unresolved(pair, corrected, level, signs)
    mean = float(np.mean(hardest)) if len(hardest) else 0.0
    strict = level / max(tests, 1)
    return Verdict(
        *pair.names,
        pair.consecutive,
        mean_interval(hardest, confidence),
        mean_interval(hardest, 1 - level / left) if len(hardest) else UNKNOWN,
        p,
        corrected,
        signs,
        None if reason else pair.names[0 if mean > 0 else 1],
        pair.batch_sizes,
        len(hardest),
        None if deviation is None else detectable(deviation, len(hardest), strict, _POWER),
        replicates_needed(mean, deviation, strict, _POWER) if reason and deviation else None,
        pair.beside,
        reason,
    )


def _unresolved(
    pair: _Pair, corrected: float | None, level: float, signs: tuple[float, ...]
) -> str:
    if not pair.batch_sizes:
        return "no batch size but the reference at which all replicates of both reach the goal"
    if corrected is None:
        return "fewer than 2 replicates to pair"
    if len(signs) < _GOALS:
        return f"{len(signs)} goals, of {_GOALS} needed"
    if corrected > level:
        return "the corrected interval of the difference holds 0"
    if len({sign > 0 for sign in signs}) > 1:
        return "the sign of the difference is not the same at every goal"
    return ""

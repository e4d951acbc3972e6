"""Is one model more finicky than another? One measure, paired, corrected, at three goals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval
from pipeline.paired_regrets import ModelRegrets, differences
from pipeline.paired_test import PairedTest, Step, holm
from pipeline.power import detectable, replicates_needed
from pipeline.wording import HOLDS_ZERO, POWER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RULE", "Beside", "Verdict", "verdicts"]

RULE: Final = "constant"
"""The primary measure is F2 with the learning rate left unchanged."""

_GOALS: Final = 3
_PAIRS: Final = 3  # with two, a test of 5 % would reject up to 6.1 % under a shared noise


@dataclass(frozen=True)
class Beside:
    """Batch sizes that the comparison cannot hold, for not every replicate reached the goal there.

    A model that was not trained at a batch size did not reach it there either.

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
        choice_noise: Standard deviation of the difference over sweeps under other seeds.
        detectable: Difference that these replicates find with power 80 %.
        replicates_needed: Replicates that would find the difference seen with power 80 %; None
            where it is for another reason that it was not found, or no number would.
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
    choice_noise: float | None
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
    noise: float | None
    beside: Beside


def verdicts(
    table: pd.DataFrame,
    models: Sequence[str],
    reference: int,
    goals: Sequence[float],
    confidence: float,
    noise: Callable[[str, Sequence[int]], float | None],
) -> tuple[Verdict, ...]:
    """Compare every pair of models by transfer regret at unchanged learning rate.

    Per replicate, regret is averaged over the batch sizes (other than the reference) at which
    every replicate of both models reached the hardest goal, tuned and unchanged: there all steps
    are measured, none is a bound, and what reached the hardest goal reached the easier ones. The
    two averages of a replicate are paired (its data order is common) and their difference is tested
    by Student's t over replicates, at the hardest goal, with Holm's correction over all pairs
    that can be tested. Its variance holds what the sweep's choice of learning rates adds, which
    fresh replicates at the chosen ones do not show. A verdict needs the corrected interval to
    exclude 0 and the same sign at every goal, three at least. The replicates needed are those for
    the difference seen, at the first, strictest of Holm's levels. Source: docs/science.md, Verdict;
    Holm 1979, "A simple sequentially rejective multiple test procedure".

    Args:
        table: Rows of `pipeline.finickiness.transfer_regret.regrets`.
        models: In the order of params.yaml.
        reference: Batch size whose learning rate is carried over.
        goals: All levels, hardest last.
        confidence: One minus the level of the whole family of tests, in (0, 1).
        noise: Standard deviation over sweeps of a model's mean regret over some batch sizes,
            None where not known (`pipeline.finickiness.choice_noise`).

    Returns:
        A verdict per pair, in the order of ``models``.
    """
    rows = table[(table["rule"] == RULE) & (table["batch_size"] != reference)]
    own = [ModelRegrets.of(rows[rows["model"] == model], goals) for model in models]
    pairs = [
        _pair((own[i], own[j]), (models[i], models[j]), j == i + 1, goals, confidence, noise)
        for i, j in combinations(range(len(models)), 2)
    ]
    tests = [_test(pair) for pair in pairs]
    steps = holm([test.p_value for test in tests if test is not None], 1 - confidence)
    corrected = iter(steps)
    return tuple(
        _verdict(pair, test, None if test is None else next(corrected), len(steps), confidence)
        for pair, test in zip(pairs, tests, strict=True)
    )


def _pair(
    own: tuple[ModelRegrets, ModelRegrets],
    names: tuple[str, str],
    consecutive: bool,
    goals: Sequence[float],
    confidence: float,
    noise: Callable[[str, Sequence[int]], float | None],
) -> _Pair:
    one, other = (model.reached for model in own)
    sizes = sorted(set(one) | set(other))
    both = tuple(size for size in sizes if one.get(size) and other.get(size))
    counted = sorted(own[0].tuned & own[1].tuned)
    beside = Beside(
        tuple(size for size in sizes if one.get(size) and not other.get(size)),
        tuple(size for size in sizes if other.get(size) and not one.get(size)),
        tuple(size for size in sizes if not one.get(size) and not other.get(size)),
        mean_interval(differences(*own, goals[-1], counted), confidence),
    )
    seen = [differences(*own, goal, both) for goal in goals]
    first, second = (noise(name, both) for name in names)
    joint = None if first is None or second is None else math.hypot(first, second)
    return _Pair(names, consecutive, seen, both, joint, beside)


def _test(pair: _Pair) -> PairedTest | None:
    """The test at the hardest goal, if it can be made."""
    if pair.noise is None or len(pair.differences[-1]) < _PAIRS:
        return None
    return PairedTest.of(pair.differences[-1], pair.noise)


def _verdict(
    pair: _Pair, test: PairedTest | None, step: Step | None, tests: int, confidence: float
) -> Verdict:
    level = 1 - confidence
    signs = tuple(float(np.mean(d)) for d in pair.differences if len(d))
    reason = _unresolved(pair, step, level, signs)
    spread = (test.deviation, test.noise) if test else (0.0, 0.0)
    strict = (level / max(tests, 1), POWER)
    return Verdict(
        *pair.names,
        pair.consecutive,
        test.interval(confidence) if test else mean_interval(pair.differences[-1], confidence),
        test.interval(1 - level / step.left) if test and step else UNKNOWN,
        test.p_value if test else None,
        step.p_value if step else None,
        signs,
        None if reason or not test else pair.names[0 if test.mean > 0 else 1],
        pair.batch_sizes,
        len(pair.differences[-1]),
        pair.noise,
        detectable(*spread, test.pairs, *strict) if test else None,
        replicates_needed(test.mean, *spread, *strict) if test and reason == HOLDS_ZERO else None,
        pair.beside,
        reason,
    )


def _unresolved(pair: _Pair, step: Step | None, level: float, signs: tuple[float, ...]) -> str:
    if not pair.batch_sizes:
        return "no batch size but the reference at which all replicates of both reach the goal"
    if pair.noise is None:
        return "what the sweep's choice of learning rates adds is not known"
    if step is None:
        return f"fewer than {_PAIRS} replicates to pair"
    if len(signs) < _GOALS:
        return f"{len(signs)} goals, of {_GOALS} needed"
    if step.p_value > level:
        return HOLDS_ZERO
    if len(set(np.sign(signs).tolist())) > 1:
        return "the sign of the difference is not the same at every goal"
    return ""

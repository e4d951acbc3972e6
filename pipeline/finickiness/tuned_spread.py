"""F3, tuned spread: what batch size costs even where the learning rate is tuned for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd
from scipy import stats

from pipeline.fixed_budget import at_landmark
from pipeline.intervals import UNKNOWN, Interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TunedSpread", "after_common_steps", "tuned_spread"]

_KEY: Final = ["fingerprint", "member"]
_CELL: Final = ["model", "batch_size"]


@dataclass(frozen=True)
class TunedSpread:
    """The spread of one model at one fixed budget.

    Attributes:
        ratio: Worst over best validation loss, with its interval.
        worst: Batch size of the highest mean log loss; None without a ratio.
        best: Batch size of the lowest.
        replicates: Replicates measured at every batch size.
        reason: Why there is no ratio; empty where there is.
    """

    ratio: Interval
    worst: int | None
    best: int | None
    replicates: int
    reason: str


def tuned_spread(found: pd.DataFrame, confidence: float) -> TunedSpread:
    """Worst over best validation loss across batch sizes at a fixed budget, tuned, F3.

    The geometric mean over replicates of each batch size's loss gives worst and best. They are
    picked after the fact, so the interval is one that holds for all pairs of batch sizes at once:
    Tukey's, of log losses laid out by batch size and replicate, with (n − 1)(k − 1) degrees of
    freedom; 1 inside means that no spread is resolved, and the ratio is then chance's. Only
    confirm's runs are read, which no race censors. Source: docs/science.md, F3; Tukey 1953, "The
    problem of multiple comparisons"; Scheffé 1959, "The Analysis of Variance", sections 3.6 and
    4.2.

    Args:
        found: Tuned replicates of one model at their budget: ``batch_size``, ``replicate``,
            ``kind`` and ``validation_loss`` in nats.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The spread; none, with the reason, where a replicate diverged or too few are complete.
    """
    sizes = sorted({int(size) for size in found["batch_size"].tolist()})
    if broken := sorted({int(b) for b in found.loc[found["kind"] == "diverged", "batch_size"]}):
        return _none(f"replicates diverged at batch size {', '.join(map(str, broken))}")
    measured = found[found["kind"] == "measured"]
    table = measured.set_index(["replicate", "batch_size"])["validation_loss"].unstack()
    losses = table.dropna().sort_index().to_numpy(dtype=np.float64)
    if len(sizes) < 2 or table.shape[1] < len(sizes):
        return _none("fewer than 2 batch sizes measured, or one failed in every replicate")
    if len(losses) < 2:
        return _none(f"{len(losses)} replicates measured at every batch size, of 2 needed")
    if not np.all(losses > 0):
        return _none("a validation loss of 0 has no ratio")
    logs = np.log(losses)
    means = logs.mean(axis=0)
    worst, best = int(np.argmax(means)), int(np.argmin(means))
    between, reach = float(means[worst] - means[best]), _reach(logs, confidence)
    ratio = Interval(between, between - reach, between + reach).map(math.exp)
    return TunedSpread(ratio, sizes[worst], sizes[best], len(logs), "")


def after_common_steps(
    trials: pd.DataFrame, curves: pd.DataFrame
) -> tuple[int | None, pd.DataFrame]:
    """What trials had come to after the most steps at which every cell was evaluated.

    A cell with a replicate that diverged has no say in which steps: its curves end where it broke,
    and its model has no spread whatever they are.

    Args:
        trials: Confirm's trials that are to be compared.
        curves: Table of evaluations.

    Returns:
        Those steps (None where there are none) and the table of `at_landmark`.
    """
    broke = trials["ended"].eq("diverged").groupby([trials[name] for name in _CELL])
    whole = trials[~broke.transform("any")]
    own = curves.merge(whole[[*_KEY, *_CELL]], on=_KEY)
    common: set[int] | None = None
    for _, part in own.groupby(_CELL):
        steps = {int(step) for step in cast("list[Any]", part["step"].unique().tolist())}
        common = steps if common is None else common & steps
    if not common or max(common) == 0:
        return None, at_landmark(trials.iloc[:0], curves, "max_steps")
    steps = max(common)
    return steps, at_landmark(trials.assign(max_steps=steps), curves, "max_steps")


def _reach(logs: NDArray[np.float64], confidence: float) -> float:
    """Half the width of Tukey's intervals of all differences of column means [n, k]."""
    replicates, sizes = logs.shape
    dof = (replicates - 1) * (sizes - 1)
    residual = logs - logs.mean(axis=0) - logs.mean(axis=1, keepdims=True) + logs.mean()
    error = math.sqrt(float(np.sum(residual**2)) / dof / replicates)
    return _quantile(confidence, sizes, dof) * error


@cache
def _quantile(confidence: float, sizes: int, dof: int) -> float:
    """Of the studentised range; a double integral of its own, worth remembering."""
    return float(stats.studentized_range.ppf(confidence, sizes, dof))


def _none(reason: str) -> TunedSpread:
    return TunedSpread(UNKNOWN, None, None, 0, reason)

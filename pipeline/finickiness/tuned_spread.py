"""F3, tuned spread: what batch size costs even where the learning rate is tuned for it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import pandas as pd

from pipeline.fixed_budget import at_landmark
from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TunedSpread", "after_common_steps", "tuned_spread"]

_KEY: Final = ["fingerprint", "member"]


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

    Which batch sizes are worst and best is chosen, for every replicate, by the others' mean log
    losses, and the ratio is that replicate's own: chosen and measured on the same runs, chance
    alone would make a spread of equal batch sizes. It is the geometric mean over replicates, with
    the Student interval of its logarithm; 1 inside means that no spread is resolved. Only confirm's
    runs are read, which no race censors. Source: SCIENCE.md, F3.

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
    return TunedSpread(
        mean_interval(_crossed(logs), confidence).map(math.exp),
        sizes[int(np.argmax(means))],
        sizes[int(np.argmin(means))],
        len(logs),
        "",
    )


def after_common_steps(
    trials: pd.DataFrame, curves: pd.DataFrame
) -> tuple[int | None, pd.DataFrame]:
    """What trials had come to after the most steps at which every cell was evaluated.

    Args:
        trials: Confirm's trials that are to be compared.
        curves: Table of evaluations.

    Returns:
        Those steps (None where there are none) and the table of `at_landmark`.
    """
    own = curves.merge(trials[[*_KEY, "model", "batch_size"]], on=_KEY)
    common: set[int] | None = None
    for _, part in own.groupby(["model", "batch_size"]):
        steps = {int(step) for step in cast("list[Any]", part["step"].unique().tolist())}
        common = steps if common is None else common & steps
    if not common or max(common) == 0:
        return None, at_landmark(trials.iloc[:0], curves, "max_steps")
    steps = max(common)
    return steps, at_landmark(trials.assign(max_steps=steps), curves, "max_steps")


def _crossed(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Per replicate, its log ratio between the batch sizes that the others find worst and best."""
    total = logs.sum(axis=0)
    ratios = [own[int(np.argmax(total - own))] - own[int(np.argmin(total - own))] for own in logs]
    return np.array(ratios, dtype=np.float64)


def _none(reason: str) -> TunedSpread:
    return TunedSpread(UNKNOWN, None, None, 0, reason)

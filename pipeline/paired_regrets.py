"""Regrets of one model laid out for pairing: replicates by batch sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["ModelRegrets", "differences"]

_REACHED: Final = "reached"


@dataclass(frozen=True, eq=False)
class ModelRegrets:
    """Regrets of one model under one rule, in octaves.

    Attributes:
        regrets: By goal [replicates, batch sizes], NaN where a trial is missing.
        replicates: Their indices [replicates], ascending.
        sizes: Batch sizes [batch sizes], ascending.
        reached: By batch size with any measured replicate, whether all of those reached the
            hardest goal, tuned and carried over.
        tuned: Batch sizes at which all measured replicates reached it with the tuned rate.
    """

    regrets: Mapping[float, NDArray[np.float64]]
    replicates: NDArray[np.int64]
    sizes: NDArray[np.int64]
    reached: Mapping[int, bool]
    tuned: frozenset[int]

    @classmethod
    def of(cls, rows: pd.DataFrame, goals: Sequence[float]) -> ModelRegrets:
        """From rows of `pipeline.finickiness.transfer_regret.regrets`, in any order.

        Args:
            rows: Of one model and rule.
            goals: All levels, hardest last.

        Returns:
            The layout.
        """
        replicates, row = np.unique(rows["replicate"].to_numpy(dtype=np.int64), return_inverse=True)
        sizes, column = np.unique(rows["batch_size"].to_numpy(dtype=np.int64), return_inverse=True)
        goal = rows["goal"].to_numpy(dtype=np.float64)
        regret = rows["regret"].to_numpy(dtype=np.float64)
        regrets = {level: np.full((len(replicates), len(sizes)), np.nan) for level in goals}
        for level, table in regrets.items():
            at = goal == level
            table[row[at], column[at]] = regret[at]
        measured = (goal == goals[-1]) & np.isfinite(regret)
        tuned = (rows["tuned_kind"] == _REACHED).to_numpy(dtype=np.bool_)
        both = tuned & (rows["kind"] == _REACHED).to_numpy(dtype=np.bool_)
        seen = [int(size) for size in np.unique(sizes[column[measured]])]
        lost = {int(size) for size in sizes[column[measured & ~both]]}
        untuned = {int(size) for size in sizes[column[measured & ~tuned]]}
        reached = {size: size not in lost for size in seen}
        return cls(regrets, replicates, sizes, reached, frozenset(seen) - untuned)

    def means(self, goal: float, sizes: Sequence[int]) -> NDArray[np.float64]:
        """Mean regret over batch sizes, per replicate; NaN where one is missing."""
        if not len(sizes):
            return np.full(len(self.replicates), np.nan)
        return self.regrets[goal][:, np.isin(self.sizes, sizes)].mean(axis=1)


def differences(
    first: ModelRegrets, second: ModelRegrets, goal: float, sizes: Sequence[int]
) -> NDArray[np.float64]:
    """First minus second mean regret of every replicate measured at all sizes in both models.

    Args:
        first: One model.
        second: Another.
        goal: At which goal.
        sizes: Batch sizes that both have.

    Returns:
        Octaves [pairs], by ascending replicate.
    """
    _, mine, theirs = np.intersect1d(
        first.replicates, second.replicates, assume_unique=True, return_indices=True
    )
    difference = first.means(goal, sizes)[mine] - second.means(goal, sizes)[theirs]
    return difference[np.isfinite(difference)]

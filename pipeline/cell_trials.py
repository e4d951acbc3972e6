"""The trials of one cell of a sweep, as tuning reads them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.cliff import Cliff, cliff

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["OTHERS", "WINDOW", "CellTrials"]

WINDOW: Final = 2.0
"""log2: points within a factor 4 of their replicate's best steps are near."""

OTHERS: Final = ["momentum", "weight_decay"]


@dataclass(frozen=True)
class CellTrials:
    """The trials of one cell [n] that did not fail.

    Attributes:
        rate: Natural log of the learning rate.
        cost: log2 of steps to goal; where none reached it, the last validation loss. NaN where the
            trial says nothing of it: censored or diverged.
        exceeded: log2 of the steps that the trial did not reach the goal in, or reached it in.
        replicate: Index of the replicate.
        diverged: Whether the trial diverged short of the goal.
        reached: Whether ``cost`` is of steps.
        others: Momentum and weight decay [n, 2].
        design: Whether the trial is of the design or its expansion, not of a search.
    """

    rate: NDArray[np.float64]
    cost: NDArray[np.float64]
    exceeded: NDArray[np.float64]
    replicate: NDArray[np.int64]
    diverged: NDArray[np.bool_]
    reached: bool
    others: NDArray[np.float64]
    design: NDArray[np.bool_]

    @staticmethod
    def of(seen: pd.DataFrame) -> CellTrials:
        """The trials of a cell, from their observations of one goal.

        Args:
            seen: Rows of `pipeline.observations.observations`, with ``loss``, the last validation
                loss, and `OTHERS` beside.
        """
        seen = seen[seen["kind"] != "missing"]
        kind = seen["kind"].to_numpy(dtype=np.str_)
        steps = seen["steps"].to_numpy(dtype=np.float64)
        loss = seen["loss"].to_numpy(dtype=np.float64)
        reached = bool(np.any(kind == "reached"))
        if reached:
            cost = np.log2(np.where(kind == "reached", steps, np.nan))
        else:
            cost = np.where((kind == "censored") & np.isfinite(loss), loss, np.nan)
        return CellTrials(
            np.log(seen["learning_rate"].to_numpy(dtype=np.float64)),
            cost,
            np.log2(np.maximum(steps, 1)),
            seen["replicate"].to_numpy(dtype=np.int64),
            kind == "infinite",
            reached,
            seen[OTHERS].to_numpy(dtype=np.float64),
            ~seen["origin"].str.startswith("search").to_numpy(dtype=np.bool_),
        )

    @property
    def joint(self) -> bool:
        """Whether more than the learning rate was searched."""
        return bool(np.any(self.others != self.others[:1]))

    @cached_property
    def cliff(self) -> Cliff | None:
        """Where replicates stop reaching the goal; None where none does, or none reached it."""
        return cliff(self.rate, self.cost, self.replicate) if self.reached else None

    @property
    def survived(self) -> float:
        """Log of the largest rate up to which no replicate fell short; infinite where none did.

        To diverge is to fall short, and so is, from the best rate of a replicate that reached the
        goal on, not to reach it. Minus infinity where the lowest rate of all diverged.
        """
        below = self._under_divergence(self.rate).max(initial=-np.inf)
        return min(
            self.cliff.safe if self.cliff else np.inf,
            float(below) if self.diverged.any() else np.inf,
        )

    def near(self) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """Trials close to their replicate's best, and the cost up to which they are."""
        usable = np.isfinite(self.cost)
        limit = self._lowest() + WINDOW
        return usable & (self.cost <= limit), limit

    def tied(self) -> tuple[float, float] | None:
        """The lowest and highest rate at which a replicate's fewest steps may lie anywhere between.

        Returns:
            The widest over replicates; None unless several rates tie for the best in each of them.
        """
        best = np.isfinite(self.cost) & (self.cost == self._lowest())
        own = [self.rate[best & (self.replicate == one)] for one in np.unique(self.replicate[best])]
        if not own or any(len(rates) < 2 for rates in own):
            return None
        return min(float(rates.min()) for rates in own), max(float(rates.max()) for rates in own)

    def ceiling(self, rate: NDArray[np.float64]) -> float:
        """Largest of ``rate`` under every rate that diverged, or the largest where none is."""
        # A parabola through the survivors does not see where a fresh replicate would diverge.
        safe = self._under_divergence(rate)
        return float((safe if len(safe) else rate).max())

    def _under_divergence(self, rate: NDArray[np.float64]) -> NDArray[np.float64]:
        return rate[rate < self.rate[self.diverged].min(initial=np.inf)]

    def _lowest(self) -> NDArray[np.float64]:
        """Per trial the lowest cost of its replicate."""
        replicates, index = np.unique(self.replicate, return_inverse=True)
        lowest = np.full(len(replicates), np.inf)
        np.minimum.at(lowest, index, np.where(np.isfinite(self.cost), self.cost, np.inf))
        return lowest[index]

"""The branch `sweep` of params.yaml: the design, goals and budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.conflicts import Conflict, repeated
from pipeline.settings.branch import MAX_REPLICATES, Branch, Count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Budget", "Goals", "LearningRates", "SearchSettings", "SweepSettings"]


class LearningRates(Branch):
    """The box of learning rates, and the points of its log-spaced grid."""

    low: Annotated[float, Field(gt=0)]
    high: Annotated[float, Field(gt=0)]
    points: Annotated[int, Field(ge=2)]

    def _conflicts(self) -> Iterator[Conflict]:
        if self.low >= self.high:
            yield Conflict(("low",), f"high is {self.high:g}, an empty box; make low < high")
        elif self.high < self.low * (1 + 1e-4 * self.points):
            yield Conflict(("high",), f"too near low for {self.points} points; widen the box")


class Goals(Branch):
    """Levels of validation error or loss to reach."""

    quantity: Literal["error", "loss"]
    levels: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, strict=False)]

    def _conflicts(self) -> Iterator[Conflict]:
        for index, level in enumerate(self.levels):
            if self.quantity == "error" and level >= 1:
                yield Conflict(
                    ("levels", index),
                    "an error is a share of examples in (0, 1); write 0.05 for 5 %",
                )
        yield from repeated("levels", self.levels)

    @property
    def hardest(self) -> float:
        """The lowest level, at which a trial of the sweep stops."""
        return min(self.levels)


class Budget(Branch):
    """How long a trial may take: the larger of ``epochs`` and ``min_steps``."""

    epochs: Annotated[float, Field(gt=0)]
    min_steps: Count

    def epoch_steps(self, batch_size: int, examples: int) -> int:
        """Steps that ``epochs`` passes over ``examples`` take at ``batch_size``, rounded up."""
        return math.ceil(self.epochs * examples / batch_size)

    def max_steps(self, batch_size: int, examples: int) -> int:
        """Optimiser steps after which a trial is exhausted."""
        return max(self.epoch_steps(batch_size, examples), self.min_steps)


class SearchSettings(Branch):
    """Rounds of an Optuna sampler after the grid."""

    sampler: Literal["gp", "tpe", "random"]
    rounds: Annotated[int, Field(ge=0)]
    proposals: Count


class SweepSettings(Branch):
    """The design: which cells, learning rates and replicates, and when a trial stops."""

    batch_sizes: Annotated[tuple[Count | Literal["full"], ...], Field(min_length=1, strict=False)]
    learning_rates: LearningRates
    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)]
    goals: Goals
    budget: Budget
    race: Annotated[float, Field(ge=1)] | Literal["off"]
    search: SearchSettings

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("batch_sizes", self.batch_sizes)

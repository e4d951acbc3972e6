"""The branch `sweep` of params.yaml: the design, goals and budget."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Discriminator, Field, Tag

from pipeline.conflicts import Conflict, repeated
from pipeline.settings.branch import LISTED, MAX_REPLICATES, Branch, Count

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "Budget",
    "ExpandSettings",
    "Goals",
    "LearningRates",
    "Range",
    "SearchSettings",
    "SweepSettings",
]

STRETCH: Final = 600.0  # most that a box may grow, in the natural logarithm: a float ends at 709
SEARCHED: Final = ("momentum", "weight_decay")  # what can be searched besides the learning rate


class LearningRates(Branch):
    """The box of learning rates, and how many points of the design lie in it."""

    low: Annotated[float, Field(ge=1e-12, le=1_000_000, examples=[0.003])]
    high: Annotated[float, Field(ge=1e-12, le=1_000_000, examples=[10.0])]
    points: Annotated[int, Field(ge=2)]

    def _conflicts(self) -> Iterator[Conflict]:
        if self.low >= self.high:
            yield Conflict(("low",), f"high is {self.high:g}, an empty box; make low < high")
        elif self.high < self.low * (1 + 1e-4 * self.points):
            yield Conflict(("high",), f"too near low for {self.points} points; widen the box")

    @property
    def spacing(self) -> float:
        """Between neighbouring points of the grid, in the natural logarithm."""
        return math.log(self.high / self.low) / self.points


def _written_as(levels: object) -> str:
    return "auto" if isinstance(levels, str) else LISTED


Levels = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, strict=False)]


class Goals(Branch):
    """Levels of validation error or loss to reach; ``auto`` until a pilot has found them."""

    quantity: Literal["error", "loss"]
    levels: Annotated[
        Annotated[Levels, Tag(LISTED)] | Annotated[Literal["auto"], Tag("auto")],
        Discriminator(_written_as),
    ]

    def _conflicts(self) -> Iterator[Conflict]:
        if self.levels == "auto":
            return
        for index, level in enumerate(self.levels):
            if self.quantity == "error" and level >= 1:
                yield Conflict(
                    ("levels", index),
                    "an error is a share of examples in (0, 1); write 0.05 for 5 %",
                )
        yield from repeated("levels", self.levels)

    @property
    def numbers(self) -> tuple[float, ...]:
        """The levels.

        Raises:
            ValueError: If they are auto, and the pilot's were not put in their place.
        """
        if self.levels == "auto":
            raise ValueError(
                "sweep.goals.levels is auto, and no pilot has found the goals yet; run the sweep "
                "(dvc repro, batchscope study run), or write levels as numbers"
            )
        return self.levels

    @property
    def hardest(self) -> float:
        """The lowest level, at which a trial of the sweep stops."""
        return min(self.numbers)


class Budget(Branch):
    """How long a trial may take: the larger of ``epochs`` and ``min_steps``."""

    epochs: Annotated[float, Field(gt=0, le=1_000_000, examples=[12])]
    min_steps: Annotated[int, Field(ge=1, le=1_000_000_000, examples=[400])]

    def epoch_steps(self, batch_size: int, examples: int) -> int:
        """Steps that ``epochs`` passes over ``examples`` take at ``batch_size``, rounded up."""
        return math.ceil(self.epochs * examples / batch_size)

    def max_steps(self, batch_size: int, examples: int) -> int:
        """Optimiser steps after which a trial is exhausted."""
        return max(self.epoch_steps(batch_size, examples), self.min_steps)


class Range(Branch):
    """Where a hyperparameter searched besides the learning rate may lie; log-spaced or evenly."""

    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(gt=0)]
    log: bool

    def _conflicts(self) -> Iterator[Conflict]:
        if self.low >= self.high:
            yield Conflict(("low",), f"high is {self.high:g}, an empty box; make low < high")
        elif self.log and self.low == 0:
            yield Conflict(("low",), "a logarithm has no 0; make low positive, or log false")


class ExpandSettings(Branch):
    """Further points of the grid where the best lies at an edge of the box."""

    rounds: Annotated[int, Field(ge=0)]
    points: Annotated[int, Field(ge=1, examples=[3])]


class SearchSettings(Branch):
    """Rounds of a search after the design, per cell."""

    sampler: Literal["zoom", "gp", "tpe", "cmaes", "random", "none"]
    proposals: Annotated[int, Field(ge=1, examples=[4])]
    limit: Annotated[int, Field(ge=1, examples=[8])]
    until: Annotated[float, Field(gt=1)]

    def _conflicts(self) -> Iterator[Conflict]:
        if self.limit < self.proposals:
            yield Conflict(
                ("limit",), f"one round proposes {self.proposals}; make limit at least that"
            )

    @property
    def rounds(self) -> int:
        """Most rounds of a cell; the last may propose fewer than the others."""
        return 0 if self.sampler == "none" else math.ceil(self.limit / self.proposals)

    def proposals_of(self, number: int) -> int:
        """Proposals of round ``number``, which counts from 1; together no more than the limit."""
        return max(0, min(self.proposals, self.limit - (number - 1) * self.proposals))


class SweepSettings(Branch):
    """The design: which cells, settings and replicates, and when a trial stops."""

    batch_sizes: Annotated[tuple[Count | Literal["full"], ...], Field(min_length=1, strict=False)]
    design: Literal["grid", "sobol", "random"]
    learning_rates: LearningRates
    hyperparameters: dict[str, Range]
    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)]
    goals: Goals
    budget: Budget
    race: Annotated[float, Field(ge=1)] | Literal["off"]
    expand: ExpandSettings
    search: SearchSettings

    @property
    def expansion(self) -> int:
        """Most points per cell and replicate that the grid may go on by, to one side or both."""
        return self.expand.rounds * self.expand.points if self.design == "grid" else 0

    @property
    def reach(self) -> tuple[float, float]:
        """Least and largest learning rate that the sweep may try."""
        rates = self.learning_rates
        factor = math.exp(rates.spacing * self.expansion)
        return rates.low / factor, rates.high * factor

    @property
    def _widest(self) -> int:
        return int(STRETCH / self.learning_rates.spacing)

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("batch_sizes", self.batch_sizes)
        strange = tuple(self._strange_hyperparameters())
        yield from strange
        points = self.learning_rates.points
        if self.design == "grid" and self.hyperparameters and not strange:
            yield Conflict(
                ("hyperparameters",),
                "the design is a grid, which lays out learning rates alone; make design sobol",
            )
        if self.design == "sobol" and points.bit_count() != 1:
            below = 1 << points.bit_length() - 1
            yield Conflict(
                ("design",),
                "Sobol points are even only in powers of two, and learning_rates.points is "
                f"{points}; make it {below} or {2 * below}",
            )
        if self.expansion * self.learning_rates.spacing > STRETCH:
            yield Conflict(
                ("expand", "rounds"),
                f"with {self.expand.points} points each the box could grow until a learning rate "
                f"is no number; make rounds * points at most {self._widest}",
            )
        if not strange:
            yield from self._strange_search()

    def _strange_search(self) -> Iterator[Conflict]:
        search = self.search
        if search.sampler == "zoom" and self.hyperparameters:
            yield Conflict(
                ("search", "sampler"),
                "it lays out learning rates alone, and sweep.hyperparameters has others; write gp",
            )
        fresh = search.rounds * self.replicates if search.sampler == "zoom" else 0
        if self.replicates + fresh > MAX_REPLICATES:
            yield Conflict(
                ("search", "limit"),
                f"its rounds have {fresh} fresh replicates, and {MAX_REPLICATES - self.replicates} "
                "are left of a sweep's; make it smaller",
            )
        if search.sampler == "cmaes" and not self.hyperparameters:
            yield Conflict(
                ("search", "sampler"),
                "CMA-ES needs two hyperparameters or more, and only the learning rate is "
                "searched; write gp, or list some under sweep.hyperparameters",
            )

    def _strange_hyperparameters(self) -> Iterator[Conflict]:
        for name, box in self.hyperparameters.items():
            if name not in SEARCHED:
                yield Conflict(
                    ("hyperparameters", name),
                    f"no such hyperparameter; remove it, or use {' or '.join(SEARCHED)}",
                )
            elif name == "momentum" and box.high >= 1:
                yield Conflict(
                    ("hyperparameters", name, "high"), "momentum lies below 1; write 0.99"
                )

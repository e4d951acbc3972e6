"""The settings of a study: params.yaml as a frozen, strict tree, checked at birth."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from pipeline.conflicts import Conflict, repeated

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AnalysisSettings",
    "Budget",
    "ConfirmSettings",
    "DataSettings",
    "EvaluationSettings",
    "Goals",
    "KernelSettings",
    "LearningRates",
    "Rule",
    "SearchSettings",
    "Settings",
    "SweepSettings",
    "TrackingSettings",
    "TrainingSettings",
]

Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Rule = Literal["tuned", "constant", "linear", "sqrt"]
MAX_REPLICATES = 1000  # confirm's fresh replicates are numbered from here


class _Branch(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def _conflicts(self) -> Iterator[Conflict]:
        yield from ()

    @model_validator(mode="after")
    def _values_agree(self) -> Self:
        conflicts = tuple(self._conflicts())
        if conflicts:
            lines = [f"{'.'.join(map(str, keys))}: {message}" for keys, message in conflicts]
            context = {"conflicts": conflicts, "text": "\n".join(lines)}
            raise PydanticCustomError("conflict", "{text}", context)
        return self


class DataSettings(_Branch):
    """Which data set, and how it is split."""

    dataset: Annotated[str, Field(examples=["digits"])]
    split_seed: Seed
    validation_fraction: Fraction
    test_fraction: Fraction

    def _conflicts(self) -> Iterator[Conflict]:
        if self.validation_fraction + self.test_fraction >= 1:
            yield Conflict(
                ("test_fraction",),
                f"with validation_fraction {self.validation_fraction:g} it leaves nothing to train "
                "on; make their sum less than 1",
            )


class LearningRates(_Branch):
    """The box of learning rates, and the points of its log-spaced grid."""

    low: Annotated[float, Field(gt=0)]
    high: Annotated[float, Field(gt=0)]
    points: Annotated[int, Field(ge=2)]

    def _conflicts(self) -> Iterator[Conflict]:
        if self.low >= self.high:
            yield Conflict(("low",), f"high is {self.high:g}, an empty box; make low < high")
        elif self.high < self.low * (1 + 1e-4 * self.points):
            yield Conflict(("high",), f"too near low for {self.points} points; widen the box")


class Goals(_Branch):
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


class Budget(_Branch):
    """How long a trial may take: the larger of ``epochs`` and ``min_steps``."""

    epochs: Annotated[float, Field(gt=0)]
    min_steps: Count

    def epoch_steps(self, batch_size: int, examples: int) -> int:
        """Steps that ``epochs`` passes over ``examples`` take at ``batch_size``, rounded up."""
        return math.ceil(self.epochs * examples / batch_size)

    def max_steps(self, batch_size: int, examples: int) -> int:
        """Optimiser steps after which a trial is exhausted."""
        return max(self.epoch_steps(batch_size, examples), self.min_steps)


class SearchSettings(_Branch):
    """Rounds of an Optuna sampler after the grid."""

    sampler: Literal["gp", "tpe", "random"]
    rounds: Annotated[int, Field(ge=0)]
    proposals: Count


class SweepSettings(_Branch):
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


class KernelSettings(_Branch):
    """Which cells train stacked: those of at most a batch size."""

    stacked_up_to: Annotated[int, Field(ge=0)]
    overrides: dict[str, Annotated[int, Field(ge=0)]]

    def threshold(self, model: str) -> int:
        """Largest batch size of ``model`` that trains stacked."""
        return self.overrides.get(model, self.stacked_up_to)


class EvaluationSettings(_Branch):
    """When and how a trial is evaluated."""

    ratio: Annotated[float, Field(gt=1, le=2)]
    batch_size: Count


class TrainingSettings(_Branch):
    """The optimiser, its random streams and where it runs."""

    optimiser: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    nesterov: bool
    weight_decay: Annotated[float, Field(ge=0)]
    order: Literal["epoch", "iid"]
    seed: Seed
    kernel: KernelSettings
    cohort_width: Annotated[int, Field(ge=2)]
    accelerator: Literal["auto", "cpu", "gpu"]
    precision: Literal["32-true", "64-true"]
    workers: Count | Literal["auto"]
    evaluation: EvaluationSettings

    def _conflicts(self) -> Iterator[Conflict]:
        if self.nesterov and self.momentum == 0:
            yield Conflict(
                ("nesterov",),
                "momentum is 0 and cannot look ahead; set momentum above 0 or nesterov to false",
            )


class ConfirmSettings(_Branch):
    """What is trained again, with fresh replicates and to the full budget."""

    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)]
    reference_batch_size: Count | Literal["full"]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, strict=False)]

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("rules", self.rules)
        if "tuned" not in self.rules:
            yield Conflict(("rules",), "every rule is compared with tuned, which it lacks; add it")


class AnalysisSettings(_Branch):
    """How the tables are read; nothing here trains anything."""

    confidence: Fraction


class TrackingSettings(_Branch):
    """Where runs are mirrored to."""

    mlflow: bool
    uri: Annotated[str, Field(min_length=1)] | None
    experiment: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$",
            description="1 to 100 letters, digits, spaces, dots, dashes or underscores, "
            "a letter or digit first",
            examples=["batchscope"],
        ),
    ]


class Settings(_Branch):
    """The whole of params.yaml."""

    data: DataSettings
    models: Annotated[
        tuple[Annotated[str, Field(examples=["mlp"])], ...], Field(min_length=1, strict=False)
    ]
    sweep: SweepSettings
    training: TrainingSettings
    confirm: ConfirmSettings
    analysis: AnalysisSettings
    tracking: TrackingSettings

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("models", self.models)
        sizes = self.sweep.batch_sizes
        if self.confirm.reference_batch_size not in sizes:
            choices = ", ".join(map(str, sizes))
            yield Conflict(
                ("confirm", "reference_batch_size"),
                f"sweep.batch_sizes lacks it; choose one of {choices}",
            )
        for model in self.training.kernel.overrides:
            if model not in self.models:
                yield Conflict(
                    ("training", "kernel", "overrides", model),
                    "models lacks this one; remove it or add it to models",
                )

"""What is to be trained: trials, races and cohorts as plain values. No torch, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from pipeline.probe_plan import Probed

__all__ = [
    "Cell",
    "CohortPlan",
    "Device",
    "Hyperparameters",
    "Kernel",
    "Optimiser",
    "Order",
    "Precision",
    "Quantity",
    "Race",
    "Recipe",
    "Shape",
    "Trial",
]

Kernel = Literal["stacked", "solo"]
Optimiser = Literal["sgd", "adam", "adamw"]
Order = Literal["epoch", "iid"]
Precision = Literal["32-true", "64-true"]
Device = Literal["cpu", "cuda"]
Quantity = Literal["error", "loss"]
Shape = Literal["constant", "linear", "cosine"]


@dataclass(frozen=True, order=True)
class Cell:
    """One model at one batch size (in examples)."""

    model: str
    batch_size: int


class Hyperparameters(NamedTuple):
    """What a sweep may search: the optimiser's hyperparameters, as `Trial` describes them."""

    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0


@dataclass(frozen=True, order=True)
class Trial:
    """One training run: where it stands in the design and its optimiser's hyperparameters.

    Attributes:
        model: Registered name or ``package.module:factory``.
        batch_size: Examples per optimiser step.
        replicate: Index that fixes every random stream of the trial.
        learning_rate: Step size of the optimiser.
        momentum: Heavy-ball coefficient, in [0, 1).
        weight_decay: Coefficient of the L2 penalty's gradient; of adamw, of the decay itself.
    """

    model: str
    batch_size: int
    replicate: int
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}; it must be at least 1")
        if self.replicate < 0:
            raise ValueError(f"replicate is {self.replicate}; it must not be negative")
        if not (self.learning_rate > 0 and np.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate is {self.learning_rate}; it must be positive")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum is {self.momentum}; it must lie in [0, 1)")
        if not 0 <= self.weight_decay < np.inf:
            raise ValueError(f"weight_decay is {self.weight_decay}; it must not be negative")

    @property
    def cell(self) -> Cell:
        """The cell that the trial belongs to."""
        return Cell(self.model, self.batch_size)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """What may differ between the trials of a race."""
        return Hyperparameters(self.learning_rate, self.momentum, self.weight_decay)


@dataclass(frozen=True)
class Recipe:
    """Everything but the trials that a race's numbers depend on. All of it is in the fingerprint.

    Attributes:
        seed: Root of every random stream.
        order: ``epoch`` cuts batches from a stream of permutations, ``iid`` draws with replacement.
        optimiser: Name of the update rule.
        nesterov: Whether momentum looks ahead.
        kernel: How the cohort computes.
        precision: Floating-point type of parameters and activations.
        device: Kind of device; results differ between kinds.
        max_steps: Optimiser steps after which a trial is exhausted.
        landmarks: Steps evaluated besides the geometric ones (equal epochs, say).
        evaluation_ratio: Ratio of successive evaluation steps.
        evaluation_batch_size: Examples per forward pass of an evaluation.
        evaluate_test: Whether evaluations measure the test split too.
        quantity: What goals are levels of.
        goal: The hardest goal, at which a trial stops; None trains to ``max_steps``.
        race: Race-mates still short of the goal at ``race`` times the first one's steps stop;
            None lets every trial run on.
        schedule: How the learning rate decays over ``max_steps``.
        warmup: Share of ``max_steps`` over which it rises first.
        final: Share of its peak that a decay ends at; 1 where there is none.
        beta1: Decay of the mean gradient in adam and adamw; as it is for others.
        beta2: Decay of the mean square, likewise.
        epsilon: Added to the root of the mean square, likewise.
    """

    seed: int
    order: Order
    optimiser: Optimiser
    nesterov: bool
    kernel: Kernel
    precision: Precision
    device: Device
    max_steps: int
    landmarks: tuple[int, ...]
    evaluation_ratio: float
    evaluation_batch_size: int
    evaluate_test: bool
    quantity: Quantity
    goal: float | None
    race: float | None
    schedule: Shape = "constant"
    warmup: float = 0.0
    final: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps is {self.max_steps}; it must be at least 1")
        if self.evaluation_ratio <= 1:
            raise ValueError(f"evaluation_ratio is {self.evaluation_ratio}; it must exceed 1")
        if self.race is not None and (self.goal is None or self.race < 1):
            raise ValueError("a race needs a goal and a factor of at least 1")
        if not (0 <= self.warmup < 1 and 0 <= self.final <= 1):
            raise ValueError("warmup is a share in [0, 1), and final one in [0, 1]")
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.epsilon > 0):
            raise ValueError("beta1 and beta2 lie in [0, 1), and epsilon is positive")


@dataclass(frozen=True)
class Race:
    """Trials of one cell and one replicate that start together.

    Attributes:
        fingerprint: Digest of all that the numbers depend on.
        trials: In order of learning rate.
        recipe: What the trials share.
        origin: ``pilot``, ``grid``, ``expansion-<round>``, ``search-<round>``, ``confirm`` or
            ``tune``; a label, not in the fingerprint.
    """

    fingerprint: str
    trials: tuple[Trial, ...]
    recipe: Recipe
    origin: str

    def __post_init__(self) -> None:
        if not self.trials:
            raise ValueError("a race needs at least one trial")
        if len({(trial.cell, trial.replicate) for trial in self.trials}) != 1:
            raise ValueError("trials of a race share model, batch size and replicate")
        if len(set(self.trials)) != len(self.trials):
            raise ValueError("trials of a race differ in a hyperparameter")
        if self.recipe.optimiser != "sgd" and any(trial.momentum for trial in self.trials):
            raise ValueError(f"momentum is sgd's; {self.recipe.optimiser} has beta1 instead")

    @property
    def cell(self) -> Cell:
        """The cell of all trials."""
        return self.trials[0].cell

    @property
    def replicate(self) -> int:
        """The replicate of all trials."""
        return self.trials[0].replicate


@dataclass(frozen=True)
class CohortPlan:
    """Races to be trained side by side by one worker.

    Attributes:
        races: Of one cell and one recipe.
        width: Most members that the stacked kernel vectorises over at once; changes speed only.
        keep: Fingerprints of races whose trials' final weights are wanted; changes no number.
        probed: Races that are probed; changes no number of training.
    """

    races: tuple[Race, ...]
    width: int
    keep: frozenset[str] = frozenset()
    probed: Probed | None = None

    def __post_init__(self) -> None:
        if not self.races:
            raise ValueError("a cohort needs at least one race")
        if len({(race.cell, race.recipe) for race in self.races}) != 1:
            raise ValueError("races of a cohort share cell and recipe")
        if self.width < 2:
            raise ValueError(f"width is {self.width}; it must be at least 2")

    @property
    def cell(self) -> Cell:
        """The cell of all races."""
        return self.races[0].cell

    @property
    def recipe(self) -> Recipe:
        """The recipe of all races."""
        return self.races[0].recipe

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials, race by race."""
        return tuple(trial for race in self.races for trial in race.trials)

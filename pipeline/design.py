"""Which races to run: the grid of the sweep, and the confirmation of what it found."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from models.registry import stochastic
from pipeline.fingerprint import race_fingerprint
from pipeline.seeds import seed_of
from pipeline.settings import MAX_REPLICATES, LearningRates, Rule, Settings
from pipeline.trial import Cell, Device, Kernel, Race, Recipe, Trial
from pipeline.tuning import preferred

__all__ = ["Assignment", "CellPlan", "Design", "learning_rate_grid", "scaled"]

_GOLDEN: Final = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True)
class CellPlan:
    """A cell of the design.

    Attributes:
        cell: Model and batch size.
        infeasible: Why the network can't train at this batch size, or "".
    """

    cell: Cell
    infeasible: str


@dataclass(frozen=True)
class Assignment:
    """What a rule says to train at a cell, and the race that does it.

    Attributes:
        rule: How the learning rate was chosen.
        race: A race of one trial; several rules may share it.
    """

    rule: Rule
    race: Race


@dataclass(frozen=True)
class Design:
    """Makes the races of a study.

    Attributes:
        settings: Of the study.
        data_digest: Digest of the prepared data.
        train_examples: Size of the training split.
        batch_sizes: Of the sweep, ascending, in examples.
        device: Kind of device that trains.
        infeasible: Why a network can't train at a batch size, or "".
    """

    settings: Settings
    data_digest: str
    train_examples: int
    batch_sizes: tuple[int, ...]
    device: Device
    infeasible: Callable[[str, int], str] = field(repr=False)

    def cells(self) -> tuple[CellPlan, ...]:
        """Every cell, model by model in the order of params.yaml."""
        return tuple(
            CellPlan(Cell(model, size), self.infeasible(model, size))
            for model in self.settings.models
            for size in self.batch_sizes
        )

    def grid(self) -> tuple[Race, ...]:
        """Races of the sweep's grid, one per feasible cell and replicate."""
        sweep, seed = self.settings.sweep, self.settings.training.seed
        return tuple(
            self.sweep_race(plan.cell, replicate, rates, "grid")
            for plan in self.cells()
            if not plan.infeasible
            for replicate in range(sweep.replicates)
            for rates in [learning_rate_grid(sweep.learning_rates, seed, replicate)]
        )

    def sweep_race(self, cell: Cell, replicate: int, rates: Iterable[float], origin: str) -> Race:
        """A race of the sweep: to the hardest goal, at the settings' momentum and weight decay."""
        sweep = self.settings.sweep
        race = None if sweep.race == "off" else sweep.race
        recipe = self._recipe(cell, goal=sweep.goals.hardest, race=race, evaluate_test=False)
        return self._race(cell, replicate, rates, recipe, origin)

    def confirm(self, tuned: Mapping[Cell, float], reference: int) -> tuple[Assignment, ...]:
        """Confirmation of tuned learning rates, with fresh replicates and to the full budget.

        Args:
            tuned: Learning rate by cell; cells without one are left out.
            reference: Batch size whose tuned learning rate the other rules carry.

        Returns:
            Assignments; those of equal learning rate share a race.
        """
        return tuple(
            Assignment(rule, self._confirm_race(plan.cell, replicate, rate))
            for plan in self.cells()
            if not plan.infeasible
            for rule in self.settings.confirm.rules
            for rate in [_chosen(rule, plan.cell, tuned, reference)]
            if rate is not None
            for replicate in range(
                MAX_REPLICATES, MAX_REPLICATES + self.settings.confirm.replicates
            )
        )

    def _confirm_race(self, cell: Cell, replicate: int, rate: float) -> Race:
        recipe = self._recipe(cell, goal=None, race=None, evaluate_test=True)
        return self._race(cell, replicate, [rate], recipe, "confirm")

    def _race(
        self, cell: Cell, replicate: int, rates: Iterable[float], recipe: Recipe, origin: str
    ) -> Race:
        training = self.settings.training
        trials = tuple(
            Trial(
                cell.model,
                cell.batch_size,
                replicate,
                rate,
                training.momentum,
                training.weight_decay,
            )
            for rate in sorted(rates)
        )
        fingerprint = race_fingerprint(trials, recipe, self.data_digest)
        return Race(fingerprint, trials, recipe, origin)

    def _recipe(
        self, cell: Cell, *, goal: float | None, race: float | None, evaluate_test: bool
    ) -> Recipe:
        training, sweep = self.settings.training, self.settings.sweep
        return Recipe(
            seed=training.seed,
            order=training.order,
            optimiser=training.optimiser,
            nesterov=training.nesterov,
            kernel=self._kernel(cell),
            precision=training.precision,
            device=self.device,
            max_steps=sweep.budget.max_steps(cell.batch_size, self.train_examples),
            landmarks=(sweep.budget.epoch_steps(cell.batch_size, self.train_examples),),
            evaluation_ratio=training.evaluation.ratio,
            evaluation_batch_size=training.evaluation.batch_size,
            evaluate_test=evaluate_test,
            quantity="error" if goal is None else sweep.goals.quantity,  # else it says nothing
            goal=goal,
            race=race,
        )

    def _kernel(self, cell: Cell) -> Kernel:
        threshold = self.settings.training.kernel.threshold(cell.model)
        # Random numbers drawn in forward would depend on cohort mates under vmap.
        solo = cell.batch_size > threshold or stochastic(cell.model)
        return "solo" if solo else "stacked"


def learning_rate_grid(box: LearningRates, seed: int, replicate: int) -> tuple[float, ...]:
    """Log-spaced learning rates, shifted within one spacing, the same for all models.

    The box is cut into ``points`` equal parts in log η and each part holds one point, at the same
    place in each. Places of successive replicates form a randomly shifted golden-ratio sequence
    (Kronecker), so that few replicates together already make an even, finer grid.

    Args:
        box: Edges and number of points.
        seed: Root of the study's random streams.
        replicate: Which shift.

    Returns:
        Ascending learning rates, to six significant digits.
    """
    start = seed_of(seed, "grid") / 2**63
    place = (start + replicate * _GOLDEN) % 1
    spacing = math.log(box.high / box.low) / box.points
    return tuple(
        float(f"{box.low * math.exp(spacing * (i + place)):.6g}") for i in range(box.points)
    )


def scaled(rule: Rule, rate: float, batch_size: int, reference: int) -> float:
    """Learning rate at ``batch_size`` by a rule that carries ``rate`` over from ``reference``.

    Constant; linear, ∝ B (Goyal et al. 2017); square root, ∝ √B (Hoffer et al. 2017).

    Args:
        rule: Which rule; ``tuned`` carries nothing over.
        rate: Tuned learning rate at the reference.
        batch_size: In examples.
        reference: In examples.

    Returns:
        The learning rate.

    Raises:
        ValueError: If the rule is ``tuned``.
    """
    if rule == "tuned":
        raise ValueError("the rule tuned carries no learning rate over; look it up by cell")
    exponent = {"constant": 0.0, "linear": 1.0, "sqrt": 0.5}[rule]
    return rate * (batch_size / reference) ** exponent


def _chosen(rule: Rule, cell: Cell, tuned: Mapping[Cell, float], reference: int) -> float | None:
    """A rule's learning rate at a cell, or None where what it builds on is not known."""
    if rule == "tuned":
        return tuned.get(cell)
    rate = tuned.get(Cell(cell.model, reference))
    return None if rate is None else preferred(scaled(rule, rate, cell.batch_size, reference))

"""Which races to run: the design of the sweep, and the confirmation of what it found."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from models.registry import stochastic
from pipeline.batch_sizes import resolved_reference
from pipeline.carried import TunedSetting, carried
from pipeline.fingerprint import race_fingerprint
from pipeline.points import design_points
from pipeline.settings import MAX_REPLICATES, PILOT_REPLICATES, Rule, Settings
from pipeline.trial import Cell, Device, Hyperparameters, Kernel, Race, Recipe, Trial

__all__ = ["Assignment", "CellPlan", "Design"]


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
        unstackable: Why a network can't train stacked at a batch size, or "".
    """

    settings: Settings
    data_digest: str
    train_examples: int
    batch_sizes: tuple[int, ...]
    device: Device
    infeasible: Callable[[str, int], str] = field(repr=False)
    unstackable: Callable[[str, int], str] = field(default=lambda model, size: "", repr=False)

    def cells(self) -> tuple[CellPlan, ...]:
        """Every cell, model by model in the order of params.yaml."""
        return tuple(
            CellPlan(Cell(model, size), self.infeasible(model, size))
            for model in self.settings.models
            for size in self.batch_sizes
        )

    def feasible(self) -> tuple[Cell, ...]:
        """Every cell that can be trained, in the order of `cells`."""
        return tuple(plan.cell for plan in self.cells() if not plan.infeasible)

    def grid(self) -> tuple[Race, ...]:
        """Races of the sweep's design, one per feasible cell and replicate."""
        points = [design_points(self.settings, i) for i in range(self.settings.sweep.replicates)]
        return tuple(
            self.sweep_race(cell, replicate, tried, "grid")
            for cell in self.feasible()
            for replicate, tried in enumerate(points)
        )

    def pilot(self) -> tuple[Race, ...]:
        """Races of the pilot that finds goals: every network at the reference batch size.

        Where it can't train at that, at the next larger one. To the full budget, without a goal or
        a race, with replicates of its own, numbered from 2000.
        """
        reference = resolved_reference(self.settings, self.train_examples)
        feasible = self.feasible()
        cells = [
            next(cell for cell in feasible if cell.model == model and cell.batch_size >= reference)
            for model in self.settings.models
            if any(c.model == model and c.batch_size >= reference for c in feasible)
        ]
        replicates = range(2 * MAX_REPLICATES, 2 * MAX_REPLICATES + PILOT_REPLICATES)
        return tuple(
            self._race(
                cell,
                replicate,
                design_points(self.settings, replicate),
                self._recipe(cell, goal=None, race=None, evaluate_test=False),
                "pilot",
            )
            for cell in cells
            for replicate in replicates
        )

    def sweep_race(
        self, cell: Cell, replicate: int, tried: Iterable[Hyperparameters], origin: str
    ) -> Race:
        """A race of the sweep: to the hardest goal."""
        sweep = self.settings.sweep
        race = None if sweep.race == "off" else sweep.race
        recipe = self._recipe(cell, goal=sweep.goals.hardest, race=race, evaluate_test=False)
        return self._race(cell, replicate, tried, recipe, origin)

    def altered(self, race: Race, /, **changes: Any) -> Race:
        """A race of the same trials with another recipe.

        Args:
            race: As the design has it.
            changes: Fields of its recipe that are to be others.
        """
        recipe = replace(race.recipe, **changes)
        fingerprint = race_fingerprint(race.trials, recipe, self.data_digest)
        return replace(race, recipe=recipe, fingerprint=fingerprint)

    def confirm(self, tuned: Mapping[Cell, TunedSetting], reference: int) -> tuple[Assignment, ...]:
        """Confirmation of tuned settings, with fresh replicates and to the full budget.

        Args:
            tuned: What was tuned, by cell; cells without it are left out. Trained are preferred
                numbers (`carried`).
            reference: Batch size whose tuned learning rate the other rules carry, together with
                its momentum and weight decay.

        Returns:
            Assignments; those of equal hyperparameters share a race.
        """
        return tuple(
            Assignment(rule, self._confirm_race(cell, replicate, chosen))
            for cell in self.feasible()
            for rule in self.settings.confirm.rules
            for chosen in [carried(rule, cell, tuned, reference)]
            if chosen is not None
            for replicate in range(
                MAX_REPLICATES, MAX_REPLICATES + self.settings.confirm.replicates
            )
        )

    def _confirm_race(self, cell: Cell, replicate: int, chosen: Hyperparameters) -> Race:
        recipe = self._recipe(cell, goal=None, race=None, evaluate_test=True)
        return self._race(cell, replicate, [chosen], recipe, "confirm")

    def _race(
        self,
        cell: Cell,
        replicate: int,
        tried: Iterable[Hyperparameters],
        recipe: Recipe,
        origin: str,
    ) -> Race:
        trials = tuple(Trial(cell.model, cell.batch_size, replicate, *one) for one in sorted(tried))
        fingerprint = race_fingerprint(trials, recipe, self.data_digest)
        return Race(fingerprint, trials, recipe, origin)

    def _recipe(
        self, cell: Cell, *, goal: float | None, race: float | None, evaluate_test: bool
    ) -> Recipe:
        training, sweep = self.settings.training, self.settings.sweep
        return Recipe(
            seed=training.seed,
            order=training.order,
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
            **training.rule(),
        )

    def _kernel(self, cell: Cell) -> Kernel:
        """Which kernel the settings give a cell.

        Raises:
            ValueError: If the network can't train with it.
        """
        threshold = self.settings.training.kernel.threshold(cell.model)
        # Random numbers drawn in forward would depend on cohort mates under vmap.
        if cell.batch_size > threshold or stochastic(cell.model):
            return "solo"
        if why := self.unstackable(cell.model, cell.batch_size):
            raise ValueError(
                f"training.kernel.stacked_up_to is {threshold}, and network {cell.model} can't "
                f"train stacked, under vmap ({why}); give training.kernel.overrides the entry "
                f"{cell.model}: 0, and it trains solo, or mend it"
            )
        return "stacked"

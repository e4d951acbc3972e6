"""What the pictures and the page are made of: estimates.json as plain frozen values.

Numbers that the analysis could not resolve are None here, as they are null there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.wording import NO_BREAK

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from pipeline.figures.probe_evidence import CellProbes
    from pipeline.figures.regret_evidence import Finickiness
    from pipeline.figures.trait_evidence import Traits
    from pipeline.intervals import Interval

__all__ = [
    "BoundedInterval",
    "CellEstimate",
    "Estimates",
    "FixedBudget",
    "GoalSteps",
    "Study",
    "TradeOff",
    "TunedRate",
]


@dataclass(frozen=True)
class TunedRate:
    """The learning rate of fewest steps to the hardest goal.

    Attributes:
        rate: Where the sweep puts it, with its interval.
        edge: ``low`` or ``high`` where it lies at that edge of what was tried, else empty.
        method: ``fitted``, ``best`` or ``none``.
        confirmed: The rounded learning rate that confirm trained; None where it trained none.
    """

    rate: Interval
    edge: str
    method: str
    confirmed: float | None


@dataclass(frozen=True)
class GoalSteps:
    """Confirmed steps and examples to one goal, at the tuned learning rate.

    Attributes:
        goal: Level of validation error or loss.
        steps: Geometric mean over replicates, in optimiser steps.
        examples: The same in examples.
        reached: Replicates that reached the goal.
        replicates: Replicates trained.
    """

    goal: float
    steps: Interval
    examples: Interval
    reached: int
    replicates: int


@dataclass(frozen=True)
class FixedBudget:
    """What confirm's replicates of one rule had come to after a fixed number of examples."""

    validation_error: Interval
    test_error: Interval
    validation_loss: Interval
    replicates: int
    diverged: int


@dataclass(frozen=True)
class CellEstimate:
    """All that is estimated of one model at one batch size.

    Attributes:
        model: Registered name.
        batch_size: Examples per step.
        feasible: Whether the model can train at this batch size at all.
        reason: Why not; empty where feasible.
        ended: How many of the sweep's trials ended in which way.
        tuned: The tuned learning rate; None where the cell has no trials.
        goals: One per goal, hardest last; empty where confirm trained none.
        plain: Per rule, after the study's epochs.
        final: Per rule, at the end of the budget.
        probes: What probes found along the tuned rule's trials; None where nothing was probed.
    """

    model: str
    batch_size: int
    feasible: bool
    reason: str
    ended: Mapping[str, int]
    tuned: TunedRate | None
    goals: tuple[GoalSteps, ...]
    plain: Mapping[str, FixedBudget]
    final: Mapping[str, FixedBudget]
    probes: CellProbes | None = None

    def goal(self, level: float) -> GoalSteps | None:
        """What confirm measured at a goal, if anything."""
        return next((goal for goal in self.goals if goal.goal == level), None)


@dataclass(frozen=True)
class BoundedInterval:
    """What a fit says of one number; ``bound`` is the side an unbracketed one is bounded on."""

    interval: Interval
    bound: Literal["lower", "upper"] | None


@dataclass(frozen=True)
class TradeOff:
    """The fit S(B) = s_min + e_min/B of one model at one goal.

    Attributes:
        goal: Level of validation error or loss.
        s_min: Steps that no batch size goes below.
        e_min: Examples that no batch size goes below.
        critical: The critical batch size e_min/s_min, in examples; None where not resolved.
        overhead20: Where examples are 20 % above the fewest, without the form; None likewise.
        slope_half: Where steps fall as 1/√B, without the form; None likewise.
        misfit: p-value of the lack-of-fit test, small where the form does not fit; None untested.
        points: Batch sizes fitted.
        resolved: Whether the critical batch size has an estimate or a bound.
        reason: Why not; empty where resolved.
    """

    goal: float
    s_min: BoundedInterval
    e_min: BoundedInterval
    critical: BoundedInterval | None
    overhead20: BoundedInterval | None
    slope_half: BoundedInterval | None
    misfit: float | None
    points: int
    resolved: bool
    reason: str


@dataclass(frozen=True)
class Estimates:
    """estimates.json. Goals are listed hardest last, cells by model then batch size."""

    dataset: str
    confidence: float
    quantity: Literal["error", "loss"]
    goals: tuple[float, ...]
    train_examples: int
    epochs: float
    reference_batch_size: int
    models: tuple[str, ...]
    cells: tuple[CellEstimate, ...]
    trade_offs: Mapping[str, tuple[TradeOff, ...]]
    finickiness: Finickiness
    traits: Mapping[str, Traits]

    @property
    def hardest(self) -> float:
        """The goal at which the sweep's trials stop."""
        return self.goals[-1]

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """All batch sizes of the study, ascending."""
        return tuple(sorted({cell.batch_size for cell in self.cells}))

    @property
    def goal_quantity(self) -> str:
        """What goals are levels of, in words."""
        return f"validation {self.quantity}"

    def level(self, goal: float | None = None) -> str:
        """A goal as people read it, ``5 %`` or ``0.3 nats``; the hardest unless one is given."""
        goal = self.hardest if goal is None else goal
        if self.quantity == "error":
            return f"{100 * goal:.3g}{NO_BREAK}%"
        return f"{goal:.3g}{NO_BREAK}nats"

    @property
    def interval_name(self) -> str:
        """What every interval is, ``95 % interval`` say."""
        return f"{100 * self.confidence:.4g}{NO_BREAK}% interval"

    def misfits(self, fit: TradeOff) -> bool:
        """Whether a fitted form does not describe its steps, beyond chance."""
        return fit.misfit is not None and fit.misfit < 1 - self.confidence

    def of(self, model: str) -> tuple[CellEstimate, ...]:
        """The cells of a model, by ascending batch size."""
        return tuple(cell for cell in self.cells if cell.model == model)

    def trade_off(self, model: str, goal: float) -> TradeOff | None:
        """The fit of a model at a goal, if one was tried."""
        return next((fit for fit in self.trade_offs[model] if fit.goal == goal), None)


@dataclass(frozen=True, eq=False)
class Study:
    """Everything that the figures draw.

    Attributes:
        estimates: What the analysis resolved.
        sweep: The sweep's trials, with ``kind`` and ``steps_to_goal`` of their observation at the
            hardest goal.
        confirmed: Observations of the tuned rule's replicates, one row per trial and goal.
        box: Lowest and highest learning rate of the sweep.
        points: Learning rates per cell and replicate.
    """

    estimates: Estimates
    sweep: pd.DataFrame
    confirmed: pd.DataFrame
    box: tuple[float, float]
    points: int

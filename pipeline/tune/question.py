"""What a tune asks: of which model, which settings, and what makes one better than another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from pipeline.trial import Quantity

__all__ = ["OBJECTIVES", "TO_GOAL", "Objective", "Question"]

Objective = Literal["loss", "error", "steps", "examples", "seconds"]

OBJECTIVES: Final[tuple[Objective, ...]] = get_args(Objective)
TO_GOAL: Final[frozenset[Objective]] = frozenset({"steps", "examples", "seconds"})
"""Objectives that are the cost of reaching the goal; the others are the best within the budget."""

_MOST_OBJECTIVES: Final = 2


@dataclass(frozen=True)
class Question:
    """Searched settings and what is minimised over them.

    Attributes:
        model: Registered name or ``package.module:factory``.
        objectives: One, or two for a Pareto front.
        quantity: What ``goal`` is a level of.
        goal: Level to reach, for the objectives that are a cost of reaching it.
        batch_sizes: Lowest and highest, in examples.
        learning_rates: Lowest and highest.
        replicates: Trials per setting; a setting's value is their mean.
    """

    model: str
    objectives: tuple[Objective, ...]
    quantity: Quantity
    goal: float
    batch_sizes: tuple[int, int]
    learning_rates: tuple[float, float]
    replicates: int = 1

    def __post_init__(self) -> None:
        unknown = [name for name in self.objectives if name not in OBJECTIVES]
        if unknown:
            raise ValueError(f"objective is {unknown[0]}; choose among {', '.join(OBJECTIVES)}")
        if not self.objectives or len(set(self.objectives)) < len(self.objectives):
            raise ValueError("give one objective, or two different ones")
        if len(self.objectives) > _MOST_OBJECTIVES:
            raise ValueError(f"{len(self.objectives)} objectives given; give one or two")
        low, high = self.batch_sizes
        if not 1 <= low < high:
            raise ValueError(f"batch sizes are {low}..{high}; give whole numbers 1 <= LOW < HIGH")
        bottom, top = self.learning_rates
        if not 0 < bottom < top:
            raise ValueError(f"learning rates are {bottom:g}..{top:g}; give 0 < LOW < HIGH")
        if self.replicates < 1:
            raise ValueError(f"replicates is {self.replicates}; give at least 1")
        if not self.goal > 0:
            raise ValueError(f"goal is {self.goal:g}; it must be positive")
        if self.quantity == "error" and not self.goal < 1:
            raise ValueError(
                f"goal is {self.goal:g}, and an error is a share of examples; write 0.05 for 5 %"
            )

    @property
    def full_budget(self) -> bool:
        """Whether trials go on past the goal: some objective is the best within the budget."""
        return not set(self.objectives) <= TO_GOAL

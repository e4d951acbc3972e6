"""Finickiness, scaling rules and verdicts as parts of estimates.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.finickiness.choice_noise import choice_noise
from pipeline.finickiness.divergence import diverged_share, divergence_edge
from pipeline.finickiness.grid import grid_curves
from pipeline.finickiness.search_cost import search_cost
from pipeline.finickiness.transfer_matrix import transfer_matrix
from pipeline.finickiness.transfer_regret import regrets, transfer_regret
from pipeline.finickiness.tuned_spread import after_common_steps, tuned_spread
from pipeline.finickiness.window import window
from pipeline.fixed_budget import at_landmark
from pipeline.intervals import Interval
from pipeline.ladder_answer import ladder_answer
from pipeline.observations import observations
from pipeline.scaling_rules import scaling_rules
from pipeline.steps_to_goal import steps_to_goal
from pipeline.verdict import RULE, verdicts

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.finickiness.grid import GridCurve
    from pipeline.settings import Settings

__all__ = ["Finickiness", "finickiness"]

Json = dict[str, Any]

_KEY: Final = ["fingerprint", "member"]
_FACTORS: Final = (2.0, 1.2)


@dataclass(frozen=True, eq=False)
class Finickiness:
    """Evidence of how finicky a study's models are, read once.

    Attributes:
        settings: Of the study.
        reference: Batch size whose learning rate is carried over.
        grid: The sweep's grid, a replicate of a cell each.
        expanded: The same with what expanded it.
        tuned: Tuned learning rates of the sweep.
        observed: Observations of the tuned rule's replicates at the hardest goal.
        regrets: Every rule beside tuned.
        spreads: By kind of budget its amount and the tuned replicates at it.
    """

    settings: Settings
    reference: int
    grid: list[GridCurve]
    expanded: list[GridCurve]
    tuned: pd.DataFrame
    observed: pd.DataFrame
    regrets: pd.DataFrame
    spreads: dict[str, tuple[float | None, pd.DataFrame]]

    def model(self, model: str) -> Json:
        """F1 to F5 of one model, rates in learning rate, regrets in octaves."""
        return {
            "transfer_regret": self._transfer(model),
            "transfer_matrix": [asdict(one) for one in self._matrix(model)],
            "window": [self._window(model, factor) for factor in _FACTORS],
            "tuned_spread": [
                {"budget": budget, "amount": amount, **asdict(tuned_spread(own, self._level))}
                for budget, (amount, found) in self.spreads.items()
                for own in [found[found["model"] == model]]
            ],
            "search_cost": [self._search(model, size) for size in self._sizes(model)],
            "divergence": self._divergence(model),
        }

    def scaling(self, model: str) -> Json:
        """Scaling rules of one model's tuned learning rates."""
        return asdict(scaling_rules(self.tuned[self.tuned["model"] == model], self._level))

    def verdicts(self) -> Json:
        """Every pair of models compared, and the answer of the ladder."""
        goals = sorted(self.settings.sweep.goals.numbers, reverse=True)
        found = verdicts(
            self.regrets, self.settings.models, self.reference, goals, self._level, self._noise
        )
        return {
            "measure": "transfer_regret",
            "rule": RULE,
            "goal": goals[-1],
            "correction": "holm",
            "pairs": [asdict(one) for one in found],
            "answer": ladder_answer(found),
        }

    @property
    def _level(self) -> float:
        return self.settings.analysis.confidence

    def _sizes(self, model: str) -> list[int]:
        return sorted({curve.batch_size for curve in self.grid if curve.model == model})

    def _curves(self, model: str, size: int | None = None) -> list[GridCurve]:
        own = [curve for curve in self.grid if curve.model == model]
        return own if size is None else [curve for curve in own if curve.batch_size == size]

    def _rates(self, model: str) -> dict[int, float]:
        """Tuned learning rates, before rounding, by batch size."""
        own = self.tuned[(self.tuned["model"] == model) & (self.tuned["method"] != "none")]
        pairs = zip(own["batch_size"].tolist(), own["learning_rate"].tolist(), strict=True)
        return {int(size): float(rate) for size, rate in pairs}

    def _noise(self, model: str, sizes: Sequence[int]) -> float | None:
        own = self.tuned[(self.tuned["model"] == model) & (self.tuned["method"] != "none")]
        rates = own[["batch_size", "learning_rate", "low", "high"]].to_numpy(dtype=np.float64)
        tuned = {int(size): Interval(*map(float, rest)) for size, *rest in rates}
        curves = [curve for curve in self.expanded if curve.model == model]
        return choice_noise(curves, tuned, self.reference, sizes, self._level)

    def _transfer(self, model: str) -> list[Json]:
        table = self.regrets[self.regrets["model"] == model]
        return [
            {"rule": rule, "goal": goal, **asdict(transfer_regret(rows, self.reference, level))}
            for level in [self._level]
            for rule in self.settings.confirm.rules
            if rule != "tuned"
            for goal in sorted(self.settings.sweep.goals.numbers, reverse=True)
            for rows in [table[(table["rule"] == rule) & (table["goal"] == goal)]]
        ]

    def _matrix(self, model: str) -> tuple[Any, ...]:
        return transfer_matrix(self._curves(model), self._rates(model), self._level)

    def _window(self, model: str, factor: float) -> Json:
        cells = [
            {
                "batch_size": size,
                **asdict(window(self._curves(model, size), factor, self._level)),
            }
            for size in self._sizes(model)
        ]
        return {
            "factor": factor,
            **asdict(window(self._curves(model), factor, self._level)),
            "cells": cells,
        }

    def _search(self, model: str, size: int) -> Json:
        own = (self.observed["model"] == model) & (self.observed["batch_size"] == size)
        tuned = steps_to_goal(self.observed[own], self._level).value if own.any() else None
        cost = search_cost(self._curves(model, size), tuned, self._level)
        return {"batch_size": size, **asdict(cost)}

    def _divergence(self, model: str) -> Json:
        rates = self._rates(model)
        cells: list[Json] = []
        for size in self._sizes(model):
            curves = self._curves(model, size)
            edge, rate = divergence_edge(curves, self._level), rates.get(size)
            limit = edge.rate.value if edge else None
            cells.append({
                "batch_size": size,
                "share": asdict(diverged_share(curves, self._level)),
                "edge": None if edge is None else asdict(edge),
                "tuned_over_edge": rate / limit if rate and limit else None,
            })
        share = diverged_share(self._curves(model), self._level)
        return {"share": asdict(share), "cells": cells}


def finickiness(
    sweep: tuple[pd.DataFrame, pd.DataFrame],
    confirm: tuple[pd.DataFrame, pd.DataFrame],
    assignments: pd.DataFrame,
    tuned: pd.DataFrame,
    settings: Settings,
    *,
    reference: int,
    train_examples: int,
) -> Finickiness:
    """Read what finickiness is estimated from.

    Args:
        sweep: Trials and curves of the sweep.
        confirm: Trials and curves of confirm.
        assignments: Which of confirm's trials stands for which rule.
        tuned: Tuned learning rates of the sweep.
        settings: Of the study.
        reference: Batch size whose learning rate is carried over.
        train_examples: Examples N of the training split.

    Returns:
        The evidence, of which every model takes its part.
    """
    goals = settings.sweep.goals
    trials, curves = confirm
    observed = observations(trials, curves, quantity=goals.quantity, goals=goals.numbers)
    rules = assignments[["model", "batch_size", "replicate", "rule", *_KEY]]
    chosen = rules[rules["rule"] == "tuned"]
    keys = chosen[_KEY]
    own = trials.merge(keys, on=_KEY)
    steps, after_steps = after_common_steps(own, curves)
    examples = settings.sweep.budget.epochs * train_examples
    hardest = observed[observed["goal"] == goals.hardest]
    grid = grid_curves(*sweep, quantity=goals.quantity, goal=goals.hardest)
    expanded = grid
    if sweep[0]["origin"].str.startswith("expansion").any():
        expanded = grid_curves(*sweep, quantity=goals.quantity, goal=goals.hardest, expanded=True)
    return Finickiness(
        settings,
        reference,
        grid,
        expanded,
        tuned,
        hardest.merge(keys, on=_KEY),
        regrets(trials, assignments, observed),
        {
            "examples": (examples, chosen.merge(at_landmark(own, curves, "epoch_steps"), on=_KEY)),
            "steps": (steps, chosen.merge(after_steps, on=_KEY)),
        },
    )

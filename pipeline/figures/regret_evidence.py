"""Transfer regrets and verdicts of estimates.json as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.intervals import Interval
from pipeline.wording import number, span

__all__ = ["Comparison", "Finickiness", "Regret", "read_finickiness"]

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Regret:
    """F2 of one model, rule and goal.

    Attributes:
        model: Registered name.
        rule: How the learning rate was carried over.
        goal: Level of validation error or loss.
        octaves: Mean regret with its interval, which has no upper limit where it is a lower bound.
        lower: Whether it is a lower bound.
        never_reached: Share of the carried-over trials that never reached the goal.
        left_out: Batch sizes that are not averaged.
        reason: Why there is none; empty where there is.
    """

    model: str
    rule: str
    goal: float
    octaves: Interval
    lower: bool
    never_reached: float | None
    left_out: tuple[int, ...]
    reason: str

    @property
    def said(self) -> str:
        """The regret in words; of a lower bound, its lower limit."""
        if not self.lower:
            return span(self.octaves)
        low = self.octaves.low
        return f"at least {span(self.octaves) if low is None else number(low)}"


@dataclass(frozen=True)
class Comparison:
    """One pair of models.

    Attributes:
        first: Model.
        second: Model, later in params.yaml.
        consecutive: Whether it is the next one there.
        octaves: First minus second regret, with the corrected interval.
        p_value: Corrected.
        batch_sizes: Those compared.
        detectable: Difference that the replicates find with a probability of 80 %; None where not
            known.
        more_finicky: Which of the two; None if not resolved.
        reason: Why not.
    """

    first: str
    second: str
    consecutive: bool
    octaves: Interval
    p_value: float | None
    batch_sizes: tuple[int, ...]
    detectable: float | None
    more_finicky: str | None
    reason: str


@dataclass(frozen=True)
class Finickiness:
    """What the report says of finickiness.

    Attributes:
        regrets: By model in the order of the study, then rule and goal.
        comparisons: Of all pairs.
        answer: Whether CNNs are finickier than the layers they come from, in a sentence.
    """

    regrets: tuple[Regret, ...]
    comparisons: tuple[Comparison, ...]
    answer: str

    def headline(self, model: str, goal: float) -> Regret | None:
        """Regret of an unchanged learning rate; None where the study has none."""
        return next(
            (
                regret
                for regret in self.regrets
                if (regret.model, regret.rule, regret.goal) == (model, "constant", goal)
            ),
            None,
        )


def read_finickiness(document: Json) -> Finickiness:
    """Take its part of estimates.json, as parsed."""
    found: Json = document["verdicts"]
    return Finickiness(
        tuple(
            _regret(name, regret)
            for name, model in document["models"].items()
            for regret in model["finickiness"]["transfer_regret"]
        ),
        tuple(_comparison(pair) for pair in found["pairs"]),
        found["answer"],
    )


def _regret(model: str, regret: Json) -> Regret:
    octaves, lower = Interval(**regret["regret"]), regret["bound"] == "lower"
    return Regret(
        model,
        regret["rule"],
        regret["goal"],
        replace(octaves, high=None) if lower else octaves,  # the goal may cost them any more
        lower,
        regret["never_reached"],
        tuple(cell["batch_size"] for cell in regret["left_out"]),
        regret["reason"],
    )


def _comparison(pair: Json) -> Comparison:
    return Comparison(
        pair["first"],
        pair["second"],
        pair["consecutive"],
        Interval(**pair["corrected"]),
        pair["p_corrected"],
        tuple(pair["batch_sizes"]),
        pair["detectable"],
        pair["more_finicky"],
        pair["reason"],
    )

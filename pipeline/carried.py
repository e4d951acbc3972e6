"""What confirm trains at a cell: its tuned setting, or the reference's carried over by a rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from pipeline.preferred import preferred
from pipeline.settings import Rule
from pipeline.trial import Cell, Hyperparameters

__all__ = ["TunedSetting", "carried", "scaled"]


class TunedSetting(NamedTuple):
    """What a sweep found for a cell.

    Attributes:
        found: The setting, not rounded.
        survived: The largest learning rate up to which no replicate fell short.
    """

    found: Hyperparameters
    survived: float = math.inf

    @property
    def trained(self) -> Hyperparameters:
        """The setting with a preferred number for a learning rate, not over the cliff."""
        rate = preferred(self.found.learning_rate, self.survived)
        return self.found._replace(learning_rate=rate)


def carried(
    rule: Rule, cell: Cell, tuned: Mapping[Cell, TunedSetting], reference: int
) -> Hyperparameters | None:
    """What a rule trains at a cell.

    Args:
        rule: Which rule.
        cell: Where.
        tuned: What the sweep found, by cell.
        reference: Batch size whose setting the rules other than ``tuned`` carry over.

    Returns:
        The setting, with a preferred number for a learning rate: that of the reference itself where
        it stays unchanged, else of what the rule makes of the tuned one. None where the cell that
        the rule builds on has none.
    """
    if rule == "tuned":
        own = tuned.get(cell)
        return own and own.trained
    origin = tuned.get(Cell(cell.model, reference))
    if origin is None or rule == "constant" or cell.batch_size == reference:
        return origin and origin.trained
    rate = scaled(rule, origin.found.learning_rate, cell.batch_size, reference)
    return origin.found._replace(learning_rate=preferred(rate))


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

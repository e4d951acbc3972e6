"""Goals from a pilot: levels that every network reaches without luck."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.trial import Quantity

__all__ = ["NoGoalsError", "PilotGoals", "pilot_goals"]

_MARGIN: Final = 1.4  # the hardest goal, over what the least able network attains
_EASIER: Final = (1 / 4, 1 / 8, 0.0)  # of the way, in the logarithm, back to the untrained network
_TRAINED: Final = 0.7  # of its first value; a network that stays above has not trained
_WRONG: Final = 10  # validation examples that a goal in error allows at least
_KEY: Final = ["fingerprint", "member"]


class NoGoalsError(ValueError):
    """A pilot that no goals follow from; the message says what to do."""


@dataclass(frozen=True)
class PilotGoals:
    """What a pilot says.

    Attributes:
        levels: The goals, easiest first.
        networks: A row a network: ``model``, ``batch_size``, ``attained`` per replicate, their
            median ``level``, and whether it ``trained`` and so has a say.
    """

    levels: tuple[float, ...]
    networks: tuple[dict[str, Any], ...]


def pilot_goals(
    trials: pd.DataFrame, curves: pd.DataFrame, *, quantity: Quantity, validation_examples: int
) -> PilotGoals:
    """Three goals that every network reaches at its reference batch size without luck.

    What a trial attains is its *second* lowest evaluation, which takes two to be lucky; of a
    replicate the best trial's counts, of a network the median over replicates. The hardest goal is
    1.4 times the least able network's: replicates that vary by 15 % reach that in 19 of 20 cases,
    where 1.25 gives 17. In error it allows ten validation examples at least, so that a single one
    is a tenth of it at most. Networks whose median stays above 0.7 times the value before training
    have not trained, and no say. The other two goals lie an eighth and a quarter of the way, in the
    logarithm, from the hardest to the untrained networks' value. All are rounded up to three
    digits. Source: docs/science.md, traps (never a lucky minimum); Shallue et al. 2018 (arXiv
    1811.03600), section 4.1, goals that are chosen so that every network reaches them.

    Args:
        trials: Table of the pilot's trials, to the full budget.
        curves: Table of their evaluations.
        quantity: What the goals are levels of.
        validation_examples: Size of the validation split.

    Returns:
        The goals, and what they follow from.

    Raises:
        NoGoalsError: If no goal lies between what networks attain and where they start.
    """
    column = f"validation_{quantity}"
    usable = curves[np.isfinite(curves["validation_loss"]) & np.isfinite(curves[column])]
    seen = usable.merge(trials[[*_KEY, "model", "batch_size", "replicate"]], on=_KEY)
    first = float(seen.loc[seen["step"] == 0, column].median())
    later = seen[seen["step"] > 0]
    attained = later.groupby(["model", "batch_size", "replicate", *_KEY])[column].agg(_second)
    best = attained.groupby(["model", "batch_size", "replicate"]).min()
    networks: tuple[dict[str, Any], ...] = tuple(
        {
            "model": model,
            "batch_size": size,
            "attained": own.tolist(),
            "level": float(own.median()),
            "trained": bool(own.median() <= _TRAINED * first),
        }
        for model, size, own in (
            (row["model"], int(row["batch_size"]), group["attained"])
            for _, group in best.rename("attained").reset_index().groupby(["model", "batch_size"])
            for row in [group.iloc[0]]
        )
    )
    worst = max((row["level"] for row in networks if row["trained"]), default=math.nan)
    hardest = _MARGIN * worst
    if quantity == "error":
        hardest = max(hardest, _WRONG / validation_examples)
    if not 0 < hardest < first:
        raise NoGoalsError(
            f"sweep.goals.levels is auto: the pilot's networks start at a {quantity} of {first:.3g}"
            f" and attain {worst:.3g}, between which no goal lies; write levels as numbers, or "
            "widen sweep.learning_rates or sweep.budget"
        )
    return PilotGoals(tuple(_up(hardest * (first / hardest) ** way) for way in _EASIER), networks)


def _second(values: pd.Series[float]) -> float:
    """The second lowest; infinity where there is one alone."""
    return float(np.partition([*values, math.inf], 1)[1])


def _up(level: float) -> float:
    """Rounded up to three digits, so that what attained the level reaches the goal."""
    unit = 10.0 ** (math.floor(math.log10(level)) - 2)
    return float(f"{math.ceil(level / unit - 1e-9) * unit:.3g}")

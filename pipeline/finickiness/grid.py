"""The sweep's identical grid of learning rates, a replicate of a cell at a time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.observations import observations

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from pipeline.trial import Quantity

__all__ = ["GridCurve", "grid_curves"]

_OTHERS: Final = ["momentum", "weight_decay"]
_KEY: Final = ["fingerprint", "member"]
_CURVE: Final = ["model", "batch_size", "replicate"]
_SORTED: Final = [*_CURVE, "learning_rate", *_KEY]
_READ: Final = [*_CURVE, "learning_rate", "steps", "kind", "max_steps", *_OTHERS]


@dataclass(frozen=True, eq=False)
class GridCurve:
    """Steps to the goal over learning rates, of one replicate of one cell [n].

    Attributes:
        model: Registered name.
        batch_size: Examples per step.
        replicate: Its index.
        rate: log10 of the learning rates, ascending.
        cost: log2 of steps to the goal; where censored, of the last step, which it exceeds;
            infinite where diverged.
        reached: Whether the goal was reached.
        budget: log2 of the steps of the budget.
        joint: Whether the design varies more than the learning rate.
    """

    model: str
    batch_size: int
    replicate: int
    rate: NDArray[np.float64]
    cost: NDArray[np.float64]
    reached: NDArray[np.bool_]
    budget: float
    joint: bool

    @property
    def diverged(self) -> NDArray[np.bool_]:
        """Whether the trial diverged short of the goal."""
        return np.isinf(self.cost)


def grid_curves(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    quantity: Quantity,
    goal: float,
    expanded: bool = False,
) -> list[GridCurve]:
    """The design's trials alone: what search and expansion added looks where steps are few.

    Failed trials say nothing of steps and are left out. Source: docs/science.md, traps: adaptive
    sampling thins the surface where it is not looking, so F1, F4 and F5 read the grid only.

    Args:
        trials: Table of the sweep's trials, any origin, rows in any order.
        curves: Table of their evaluations.
        quantity: What ``goal`` is a level of.
        goal: The hardest level, at which the sweep stops.
        expanded: Whether to go on beyond the box where the design was expanded, for readers who
            look at single learning rates and do not count what lies in the box.

    Returns:
        Curves sorted by model, batch size and replicate; one without points is left out.
    """
    own = trials["origin"] == "grid"
    if expanded:
        own |= trials["origin"].str.startswith("expansion")
    grid = trials[own].reset_index(drop=True)
    seen = observations(grid, curves, quantity=quantity, goals=[goal])
    seen[[*_OTHERS, "max_steps"]] = grid[[*_OTHERS, "max_steps"]]
    seen = seen[seen["kind"] != "missing"].sort_values(_SORTED)
    columns = {name: seen[name].to_numpy() for name in _READ}  # once: pandas is slow to cut small
    starts = np.flatnonzero(~seen[_CURVE].duplicated().to_numpy(dtype=np.bool_)).tolist()
    return [
        _curve({name: column[start:end] for name, column in columns.items()})
        for start, end in itertools.pairwise([*starts, len(seen)])
    ]


def _curve(part: Mapping[str, NDArray[Any]]) -> GridCurve:
    others = np.stack([part[name] for name in _OTHERS], axis=1)
    return GridCurve(
        str(part["model"][0]),
        int(part["batch_size"][0]),
        int(part["replicate"][0]),
        np.log10(part["learning_rate"].astype(np.float64)),
        np.log2(np.maximum(part["steps"].astype(np.float64), 1)),
        (part["kind"] == "reached").astype(np.bool_),
        float(np.log2(int(part["max_steps"][0]))),
        bool(np.any(others != others[:1])),
    )

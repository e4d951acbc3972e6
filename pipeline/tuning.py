"""The tuned learning rate of every cell of a sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from pipeline.basin import Basin, basin, with_common_errors
from pipeline.best_setting import best_setting
from pipeline.cell_trials import OTHERS, CellTrials
from pipeline.intervals import Interval, mean_interval
from pipeline.observations import observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.trial import Quantity

__all__ = ["tuned_learning_rates"]

_SORTED: Final = ["model", "batch_size", "replicate", "learning_rate", "fingerprint", "member"]


@dataclass(frozen=True)
class _Tuned:
    """A row of the result; ``rate`` and ``survived`` are natural logs of learning rates."""

    rate: Interval
    edge: Literal["", "low", "high"]
    method: Literal["fitted", "best", "none"]
    others: NDArray[np.float64]
    survived: float


def tuned_learning_rates(
    trials: pd.DataFrame,
    curves: pd.DataFrame,
    *,
    quantity: Quantity,
    goal: float,
    box: tuple[float, float],
    confidence: float,
    alone: bool = False,
) -> pd.DataFrame:
    """Learning rate of fewest steps to ``goal`` per cell, from all replicates, grid and search.

    ``fitted``: the minimum of a curve through the points within a factor 4 of their replicate's
    best, with its interval (`basin`), whose standard error draws on all cells
    (`with_common_errors`); the value is kept at or under the largest of those points that lies
    below every rate that diverged, and where it lies over a `cliff` it is the largest rate up to
    which every replicate reached the goal, as fresh ones must. Where rates tie for the fewest steps
    in every replicate, the interval holds all that do. ``best``, where these points are
    too few: geometric mean of every replicate's best, with the Student interval over replicates,
    made to hold the next rates tried on either side and clipped to the box. It also serves where no
    trial reached the goal; best is then the lowest validation loss at the end of the budget. A
    single replicate has no such interval, fitted or not: it goes to the next rates tried around the
    near points, or, where losses decide, is the box. ``none``: every trial diverged or failed.

    Where momentum or weight decay were searched too, the tuned setting is that of the trial of
    fewest steps, ``best``, its learning rate's interval profiled over them (`best_setting`).
    Source: docs/science.md, estimand 5; Shallue et al. 2018 (arXiv 1811.03600), section 4.1.

    Args:
        trials: Table of the sweep's trials.
        curves: Table of their evaluations.
        quantity: What ``goal`` is a level of.
        goal: The hardest level, at which the sweep stops.
        box: Lowest and highest learning rate of the design; where a cell tried rates beyond it,
            they are its box.
        confidence: Level of the intervals, in (0, 1).
        alone: Whether each cell's error is its own, as if there were no others.

    Returns:
        Per cell that has trials, sorted by model and batch size: ``model``, ``batch_size``,
        ``learning_rate``, ``low``, ``high`` (NaN where the method is ``none``), ``edge``,
        ``method``, ``survived``, ``momentum`` and ``weight_decay``. ``edge`` is ``low`` or ``high``
        where some replicate of the design tried no rate beyond the tuned one, and ``low`` where all
        diverged. ``survived`` is the largest rate up to which no replicate fell short or diverged;
        infinite where none ever did, 0 where the lowest rate of all diverged.
    """
    seen = observations(trials, curves, quantity=quantity, goals=[goal])
    seen["loss"] = trials["last_validation_loss"].to_numpy(dtype=np.float64)
    seen[OTHERS] = trials[OTHERS].to_numpy(dtype=np.float64)
    groups = [part for _, part in seen.sort_values(_SORTED).groupby(["model", "batch_size"])]
    cells = [CellTrials.of(part) for part in groups]
    fits = [None if cell.joint else _fitted(cell) for cell in cells]
    fits = fits if alone else with_common_errors(fits)
    rows = [
        {"model": part["model"].iloc[0], "batch_size": part["batch_size"].iloc[0]}
        | _row(_tune(cell, fitted, np.log(np.array(box)), confidence))
        for part, cell, fitted in zip(groups, cells, fits, strict=True)
    ]
    columns = ["model", "batch_size", "learning_rate", "low", "high", "edge", "method", "survived"]
    return pd.DataFrame(rows, columns=[*columns, *OTHERS])


def _tune(
    cell: CellTrials, fitted: Basin | None, box: NDArray[np.float64], confidence: float
) -> _Tuned:
    usable = np.isfinite(cell.cost)
    if not np.any(usable):
        edge = "low" if np.any(cell.diverged) else ""
        return _Tuned(Interval(), edge, "none", np.full(2, np.nan), cell.survived)
    box = np.array([min(box[0], *cell.rate), max(box[1], *cell.rate)])
    if cell.joint:
        return _jointly(cell, box, confidence)
    method = "fitted" if fitted else "best"
    rate = _kept(cell, fitted, box, confidence) if fitted else _best(cell, box, confidence)
    assert rate.value is not None
    return _Tuned(rate, _edge(cell, rate.value), method, cell.others[0], cell.survived)


def _jointly(cell: CellTrials, box: NDArray[np.float64], confidence: float) -> _Tuned:
    usable = np.flatnonzero(np.isfinite(cell.cost))
    rates, costs, replicates = cell.rate[usable], cell.cost[usable], cell.replicate[usable]
    trial, rate = best_setting(rates, costs, replicates, (box[0], box[1]), confidence)
    assert rate.value is not None
    others = cell.others[usable[trial]]
    return _Tuned(rate, _edge(cell, rate.value), "best", others, cell.survived)


def _fitted(cell: CellTrials) -> Basin | None:
    if not cell.reached:
        return None
    near, limit = cell.near()
    there = np.isin(cell.replicate, cell.replicate[np.isfinite(cell.cost)])
    # A curve through the survivors says nothing of where trials break: the ceiling does.
    exceeded = np.where(cell.diverged, -np.inf, cell.exceeded)
    y = np.where(near, cell.cost, np.minimum(exceeded, limit))
    return basin(cell.rate[there], y[there], cell.replicate[there], near[there])


def _kept(cell: CellTrials, fitted: Basin, box: NDArray[np.float64], confidence: float) -> Interval:
    """The fitted minimum, kept where no replicate broke."""
    found = fitted.interval(confidence)
    assert found.low is not None
    assert found.high is not None
    value = min(fitted.value, cell.ceiling(cell.rate[cell.near()[0]]))
    low, high = found.low, found.high
    if len(np.unique(cell.replicate[np.isfinite(cell.cost)])) == 1:
        # Its own curve says nothing of how the minimum moves from one replicate to the next.
        below, above = _of_one_replicate(cell, box)
        low, high = min(low, below), max(high, above)
    if fall := cell.cliff:
        value = min(value, fall.safe) if fitted.value > fall.edge else value
        high = max(high, fall.edge) if fall.steep else high
    # Where steps tie they say nothing: the optimum may be any of the rates that do.
    if tied := cell.tied():
        low, high = min(low, tied[0]), max(high, tied[1])
    return Interval(value, min(low, value), max(high, value))


def _best(cell: CellTrials, box: NDArray[np.float64], confidence: float) -> Interval:
    usable = np.isfinite(cell.cost)
    rate, cost, replicate = cell.rate[usable], cell.cost[usable], cell.replicate[usable]
    order = np.lexsort((rate, cost, replicate))
    best = rate[order][np.unique(replicate[order], return_index=True)[1]]
    mean = mean_interval(best, confidence)
    assert mean.value is not None
    value = min(mean.value, cell.ceiling(rate))
    if mean.low is None or mean.high is None:
        below, above = _of_one_replicate(cell, box)
        return Interval(value, min(below, value), max(above, value))
    # The optimum is known no better than the spacing of what was tried.
    below = float(cell.rate[cell.rate < value].max(initial=box[0]))
    above = float(cell.rate[cell.rate > value].min(initial=box[1]))
    low = max(min(below, mean.low), float(box[0]))
    high = min(max(above, mean.high), float(box[1]))
    return Interval(value, min(low, value), max(high, value))


def _of_one_replicate(cell: CellTrials, box: NDArray[np.float64]) -> tuple[float, float]:
    """The next rates tried around those that were nearly as good; the box where losses decide."""
    if not cell.reached:
        return float(box[0]), float(box[1])
    near = cell.rate[cell.near()[0]]
    below = float(cell.rate[cell.rate < near.min()].max(initial=box[0]))
    above = float(cell.rate[cell.rate > near.max()].min(initial=box[1]))
    return below, above


def _edge(cell: CellTrials, value: float) -> Literal["", "low", "high"]:
    """The side on which some replicate of the design tried nothing beyond ``value``."""
    # A search's own replicates try only what lies around the optimum, as it seemed before.
    replicates = np.unique(cell.replicate[cell.design] if cell.design.any() else cell.replicate)
    tried = [cell.rate[cell.replicate == index] for index in replicates]
    if value <= max(float(rates.min()) for rates in tried):
        return "low"
    return "high" if value >= min(float(rates.max()) for rates in tried) else ""


def _row(tuned: _Tuned) -> dict[str, object]:
    rate = tuned.rate.map(math.exp)
    named = zip(("learning_rate", "low", "high"), (rate.value, rate.low, rate.high), strict=True)
    numbers = {name: math.nan if value is None else value for name, value in named}
    others = dict(zip(OTHERS, tuned.others.tolist(), strict=True))
    survived = math.exp(tuned.survived)
    return {
        **numbers,
        "edge": tuned.edge,
        "method": tuned.method,
        "survived": survived,
        **others,
    }

"""The tuned learning rate of every cell of a sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import pandas as pd

from pipeline.basin import Basin, basin, with_common_errors
from pipeline.best_setting import best_setting
from pipeline.cliff import cliff
from pipeline.intervals import Interval, mean_interval
from pipeline.observations import observations

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.trial import Quantity

__all__ = ["WINDOW", "tuned_learning_rates"]

WINDOW: Final = 2.0  # log2: points within a factor 4 of their replicate's best steps
_SORTED: Final = ["model", "batch_size", "replicate", "learning_rate", "fingerprint", "member"]
_OTHERS: Final = ["momentum", "weight_decay"]


@dataclass(frozen=True)
class _Cell:
    """The trials of one cell [n] that did not fail.

    Attributes:
        rate: Natural log of the learning rate.
        cost: log2 of steps to goal; where none reached it, the last validation loss. NaN where the
            trial says nothing of it: censored or diverged.
        exceeded: log2 of the steps that the trial did not reach the goal in, or reached it in.
        replicate: Index of the replicate.
        diverged: Whether the trial diverged short of the goal.
        reached: Whether ``cost`` is of steps.
        others: Momentum and weight decay [n, 2].
        design: Whether the trial is of the design or its expansion, not of a search.
    """

    rate: NDArray[np.float64]
    cost: NDArray[np.float64]
    exceeded: NDArray[np.float64]
    replicate: NDArray[np.int64]
    diverged: NDArray[np.bool_]
    reached: bool
    others: NDArray[np.float64]
    design: NDArray[np.bool_]

    @property
    def joint(self) -> bool:
        """Whether more than the learning rate was searched."""
        return bool(np.any(self.others != self.others[:1]))


@dataclass(frozen=True)
class _Tuned:
    """A row of the result; ``rate`` is of the natural log of the learning rate."""

    rate: Interval
    edge: Literal["", "low", "high"]
    method: Literal["fitted", "best", "none"]
    others: NDArray[np.float64]


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
    which every replicate reached the goal, as fresh ones must. ``best``, where these points are
    too few: geometric mean of every replicate's best, with the Student interval over replicates,
    made to hold the next rates tried on either side and clipped to the box. It also serves where
    no trial reached the goal; best is then the lowest validation loss at the end of the budget.
    ``none``: every trial diverged or failed.

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
        ``method``, ``momentum`` and ``weight_decay``. ``edge`` is ``low`` or ``high`` where some
        replicate of the design tried no rate beyond the tuned one, and ``low`` where all diverged.
    """
    seen = observations(trials, curves, quantity=quantity, goals=[goal])
    seen["loss"] = trials["last_validation_loss"].to_numpy(dtype=np.float64)
    seen[_OTHERS] = trials[_OTHERS].to_numpy(dtype=np.float64)
    groups = [part for _, part in seen.sort_values(_SORTED).groupby(["model", "batch_size"])]
    cells = [_cell(part) for part in groups]
    fits = [None if cell.joint else _fitted(cell) for cell in cells]
    fits = fits if alone else with_common_errors(fits)
    rows = [
        {"model": part["model"].iloc[0], "batch_size": part["batch_size"].iloc[0]}
        | _row(_tune(cell, fitted, np.log(np.array(box)), confidence))
        for part, cell, fitted in zip(groups, cells, fits, strict=True)
    ]
    columns = ["model", "batch_size", "learning_rate", "low", "high", "edge", "method"]
    return pd.DataFrame(rows, columns=[*columns, *_OTHERS])


def _cell(seen: pd.DataFrame) -> _Cell:
    seen = seen[seen["kind"] != "missing"]
    kind = seen["kind"].to_numpy(dtype=np.str_)
    steps = seen["steps"].to_numpy(dtype=np.float64)
    loss = seen["loss"].to_numpy(dtype=np.float64)
    reached = bool(np.any(kind == "reached"))
    if reached:
        cost = np.log2(np.where(kind == "reached", steps, np.nan))
    else:
        cost = np.where((kind == "censored") & np.isfinite(loss), loss, np.nan)
    return _Cell(
        np.log(seen["learning_rate"].to_numpy(dtype=np.float64)),
        cost,
        np.log2(np.maximum(steps, 1)),
        seen["replicate"].to_numpy(dtype=np.int64),
        kind == "infinite",
        reached,
        seen[_OTHERS].to_numpy(dtype=np.float64),
        ~seen["origin"].str.startswith("search").to_numpy(dtype=np.bool_),
    )


def _tune(cell: _Cell, fitted: Basin | None, box: NDArray[np.float64], confidence: float) -> _Tuned:
    usable = np.isfinite(cell.cost)
    if not np.any(usable):
        edge = "low" if np.any(cell.diverged) else ""
        return _Tuned(Interval(), edge, "none", np.full(2, np.nan))
    box = np.array([min(box[0], *cell.rate), max(box[1], *cell.rate)])
    if cell.joint:
        return _jointly(cell, box, confidence)
    method = "fitted" if fitted else "best"
    rate = _kept(cell, fitted, confidence) if fitted else _best(cell, box, confidence)
    assert rate.value is not None
    return _Tuned(rate, _edge(cell, rate.value), method, cell.others[0])


def _jointly(cell: _Cell, box: NDArray[np.float64], confidence: float) -> _Tuned:
    usable = np.flatnonzero(np.isfinite(cell.cost))
    rates, costs, replicates = cell.rate[usable], cell.cost[usable], cell.replicate[usable]
    trial, rate = best_setting(rates, costs, replicates, (box[0], box[1]), confidence)
    assert rate.value is not None
    return _Tuned(rate, _edge(cell, rate.value), "best", cell.others[usable[trial]])


def _fitted(cell: _Cell) -> Basin | None:
    if not cell.reached:
        return None
    near, limit = _near(cell)
    there = np.isin(cell.replicate, cell.replicate[np.isfinite(cell.cost)])
    # A curve through the survivors says nothing of where trials break: the ceiling does.
    exceeded = np.where(cell.diverged, -np.inf, cell.exceeded)
    y = np.where(near, cell.cost, np.minimum(exceeded, limit))
    return basin(cell.rate[there], y[there], cell.replicate[there], near[there])


def _near(cell: _Cell) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Trials close to their replicate's best, and the cost up to which they are."""
    usable = np.isfinite(cell.cost)
    limit = _lowest(np.where(usable, cell.cost, np.inf), cell.replicate) + WINDOW
    return usable & (cell.cost <= limit), limit


def _kept(cell: _Cell, fitted: Basin, confidence: float) -> Interval:
    """The fitted minimum, kept where no replicate broke."""
    found = fitted.interval(confidence)
    assert found.low is not None
    assert found.high is not None
    value = min(fitted.value, _ceiling(cell, cell.rate[_near(cell)[0]]))
    high = found.high
    if fall := cliff(cell.rate, cell.cost, cell.replicate):
        value = min(value, fall.safe) if fitted.value > fall.edge else value
        high = max(high, fall.edge) if fall.steep else high
    return Interval(value, min(found.low, value), max(high, value))


def _best(cell: _Cell, box: NDArray[np.float64], confidence: float) -> Interval:
    usable = np.isfinite(cell.cost)
    rate, cost, replicate = cell.rate[usable], cell.cost[usable], cell.replicate[usable]
    order = np.lexsort((rate, cost, replicate))
    best = rate[order][np.unique(replicate[order], return_index=True)[1]]
    mean = mean_interval(best, confidence)
    assert mean.value is not None
    value = min(mean.value, _ceiling(cell, rate))
    # The optimum is known no better than the spacing of what was tried.
    below = float(cell.rate[cell.rate < value].max(initial=box[0]))
    above = float(cell.rate[cell.rate > value].min(initial=box[1]))
    low = max(min(below, below if mean.low is None else mean.low), float(box[0]))
    high = min(max(above, above if mean.high is None else mean.high), float(box[1]))
    return Interval(value, min(low, value), max(high, value))


def _lowest(cost: NDArray[np.float64], replicate: NDArray[np.int64]) -> NDArray[np.float64]:
    """Per point the lowest cost of its replicate."""
    replicates, index = np.unique(replicate, return_inverse=True)
    lowest = np.full(len(replicates), np.inf)
    np.minimum.at(lowest, index, cost)
    return lowest[index]


def _ceiling(cell: _Cell, rate: NDArray[np.float64]) -> float:
    """Largest of ``rate`` under every rate that diverged, or the largest where none is."""
    # A parabola through the survivors does not see where a fresh replicate would diverge.
    safe = rate[rate < cell.rate[cell.diverged].min(initial=np.inf)]
    return float((safe if len(safe) else rate).max())


def _edge(cell: _Cell, value: float) -> Literal["", "low", "high"]:
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
    others = dict(zip(_OTHERS, tuned.others.tolist(), strict=True))
    return {**numbers, "edge": tuned.edge, "method": tuned.method, **others}

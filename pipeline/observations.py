"""Observations: per trial and goal the steps it took, right-censored, infinite or missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from pipeline.outcome import Ended

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.trial import Quantity

__all__ = ["observations", "sound"]

_KEY: Final = ["fingerprint", "member"]
_DESIGN: Final = ["model", "batch_size", "replicate", "learning_rate", "origin", "ended", *_KEY]


@dataclass(frozen=True)
class _Points:
    """All evaluations [P], sorted by trial and step.

    Attributes:
        owner: Row of the trials table that the evaluation belongs to.
        step: Optimiser steps taken.
        value: The quantity that goals are levels of.
    """

    owner: NDArray[np.int64]
    step: NDArray[np.int64]
    value: NDArray[np.float64]


def observations(
    trials: pd.DataFrame, curves: pd.DataFrame, *, quantity: Quantity, goals: Sequence[float]
) -> pd.DataFrame:
    """Steps to each goal, one row per trial and goal; no trial is ever dropped.

    A trial has reached a goal at its first sound evaluation at or under it, whatever became of it
    later. The crossing lies between the evaluation before (``low``) and that one (``high``):
    ``steps`` interpolates between them, linear in the value and in the logarithm of steps. A step
    is the smallest unit, so the logarithm starts at 1 where ``low`` is step 0, and a goal that
    holds before training counts as one step. Source: docs/science.md, estimand 1; steps to a goal
    error as in Shallue et al. 2018 (arXiv 1811.03600), section 3.1; racing and budgets censor
    from the right (Kalbfleisch & Prentice 2002, section 1.3).

    Args:
        trials: Table of trials, key (fingerprint, member), races whole; columns ``race`` and
            ``max_steps`` are needed where one was outpaced.
        curves: Table of evaluations; those of other trials are ignored.
        quantity: ``error`` reads ``validation_error``, ``loss`` reads ``validation_loss``.
        goals: Levels, fractions for error and nats for loss.

    Returns:
        Per goal (in the order given) and trial (in the order of ``trials``): its design columns,
        ``goal``, ``kind`` and, in optimiser steps, ``steps``, ``low``, ``high``. Kind ``reached``:
        as above. ``censored``: more than ``steps`` = ``low`` = the last evaluated step, ``high``
        infinite; of an outpaced trial, which was judged to lie farther behind than that, ``race``
        times the evaluation at which the first of its race had reached the goal, the budget at
        most. ``infinite`` (diverged before the goal): all three infinite. ``missing`` (failed
        or out of memory, whatever the curve shows): all three NaN.

    Raises:
        ValueError: If a trial or an evaluation occurs twice.
    """
    if trials.duplicated(_KEY).any():
        raise ValueError("the trials table holds a trial twice; write the tables again")
    points = _points(trials, curves, f"validation_{quantity}")
    if np.any((np.diff(points.owner) == 0) & (np.diff(points.step) == 0)):
        raise ValueError("the curves table holds an evaluation twice; write the tables again")
    kinds, last = _by_end(trials)
    design = trials[_DESIGN].reset_index(drop=True)
    seen = [_observe(points, kinds, last, goal) for goal in goals]
    outpaced = np.flatnonzero((trials["ended"] == Ended.OUTPACED).to_numpy())
    if len(outpaced):
        for each in seen:
            _judged(each, trials, outpaced)
    return pd.concat(
        [design.assign(goal=goal, **each) for goal, each in zip(goals, seen, strict=True)],
        ignore_index=True,
    )


def sound(curves: pd.DataFrame) -> NDArray[np.bool_]:
    """Which evaluations found finite losses; the others end a trial as diverged.

    An argmax over NaN still yields a class, and so an error that looks like a measurement. Source:
    the stop rule of `pipeline.stopping`, transcribed to the table.

    Args:
        curves: Table of evaluations.

    Returns:
        One flag per row.
    """
    losses = np.isfinite(curves[["validation_loss", "train_loss"]].to_numpy(dtype=np.float64))
    untrained = curves["step"].to_numpy(dtype=np.int64) == 0  # step 0 has no training loss
    return losses[:, 0] & (losses[:, 1] | untrained)


def _points(trials: pd.DataFrame, curves: pd.DataFrame, column: str) -> _Points:
    owner = _owners(trials, curves)
    step = curves["step"].to_numpy(dtype=np.int64)
    order = np.lexsort((step, owner))
    order = order[np.searchsorted(owner[order], 0) :]  # strangers have owner -1
    value = np.where(sound(curves), curves[column].to_numpy(dtype=np.float64), np.nan)
    return _Points(owner[order], step[order], value[order])


def _owners(trials: pd.DataFrame, curves: pd.DataFrame) -> NDArray[np.int64]:
    """Per evaluation the row of its trial, -1 where the trials table lacks it."""
    both = pd.concat([trials[_KEY], curves[_KEY]])
    names = pd.factorize(both["fingerprint"])[0].astype(np.int64)
    members = both["member"].to_numpy(dtype=np.int64)
    keys: NDArray[np.int64] = names * (members.max(initial=0) + 1) + members
    known, theirs = keys[: len(trials)], keys[len(trials) :]
    order = np.argsort(known, kind="stable")
    at = np.searchsorted(known[order], theirs)
    known, order = np.append(known[order], -1), np.append(order, -1)  # -1: behind the last known
    return np.where(known[at] == theirs, order[at], -1)


def _by_end(trials: pd.DataFrame) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Per trial its kind where no goal was reached, and its last evaluated step."""
    codes, words = pd.factorize(trials["ended"])
    kinds = np.array([Ended(word).short for word in words], dtype=object)
    return kinds[codes], trials["steps"].to_numpy(dtype=np.float64)


def _observe(
    points: _Points, kinds: NDArray[np.object_], last: NDArray[np.float64], goal: float
) -> dict[str, NDArray[np.object_] | NDArray[np.float64]]:
    """Columns kind, steps, low and high of every trial at one goal."""
    bound = np.where(kinds == "infinite", np.inf, np.where(kinds == "missing", np.nan, last))
    steps, low, kind = bound.copy(), bound.copy(), kinds.copy()
    high = np.where(kinds == "missing", np.nan, np.inf)
    row = _first_under(points, goal)
    row = row[kinds[points.owner[row]] != "missing"]
    owner = points.owner[row]
    kind[owner] = "reached"
    low[owner], high[owner], steps[owner] = _crossing(points, row, goal)
    return {"kind": kind, "steps": steps, "low": low, "high": high}


def _judged(
    seen: dict[str, NDArray[np.object_] | NDArray[np.float64]],
    trials: pd.DataFrame,
    outpaced: NDArray[np.int64],
) -> None:
    """Raise the bounds of outpaced trials to where their race would have stopped them."""
    race = pd.factorize(trials["fingerprint"])[0]
    first = np.full(race.max() + 1, np.inf)
    reached = seen["kind"] == "reached"
    np.minimum.at(first, race[reached], seen["high"][reached].astype(np.float64))
    factor = trials["race"].to_numpy(dtype=np.float64)
    budget = trials["max_steps"].to_numpy(dtype=np.float64)
    rows = outpaced[seen["kind"][outpaced] == "censored"]
    end = np.minimum(np.ceil(factor[rows] * first[race[rows]]), budget[rows])
    end[~np.isfinite(first[race[rows]])] = 0  # nobody has reached this goal: nothing was judged
    seen["steps"][rows] = seen["low"][rows] = np.maximum(seen["steps"][rows], end)


def _first_under(points: _Points, goal: float) -> NDArray[np.int64]:
    """Index of the first evaluation at or under ``goal`` of every trial that has one."""
    under = np.flatnonzero(np.isfinite(points.value) & (points.value <= goal))
    first = np.unique(points.owner[under], return_index=True)[1]
    return under[first]


def _crossing(
    points: _Points, row: NDArray[np.int64], goal: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Low, high and interpolated steps of crossings first seen at ``row``."""
    before = np.maximum(row - 1, 0)
    preceded = (row > 0) & (points.owner[before] == points.owner[row])
    low = np.where(preceded, points.step[before], 0).astype(np.float64)
    high = np.maximum(points.step[row], 1).astype(np.float64)
    above = np.where(preceded, points.value[before], np.inf)
    with np.errstate(invalid="ignore", over="ignore"):
        share = (above - goal) / (above - points.value[row])
    # An evaluation before that is not finite says nothing of where: the crossing is then at high.
    share = np.where(np.isfinite(above) & np.isfinite(share), share, 1.0)
    start, end = np.log(np.maximum(low, 1)), np.log(high)
    steps = np.clip(np.exp(start + share * (end - start)), np.maximum(low, 1), high)
    return low, high, steps

"""F2, transfer regret: what a learning rate costs that was tuned at another batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from pipeline.intervals import UNKNOWN, Interval, mean_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CellRegret", "LeftOut", "TransferRegret", "regrets", "transfer_regret"]

_KEY: Final = ["fingerprint", "member"]
_PAIR: Final = ["model", "batch_size", "replicate", "goal"]
_REACHED: Final = "reached"


@dataclass(frozen=True)
class CellRegret:
    """The regret at one batch size.

    Attributes:
        batch_size: Examples per step.
        regret: log2 of steps over tuned steps, with its interval.
        reached: Replicates that reached the goal at the learning rate carried over.
        replicates: Replicates measured.
        same: Whether the rule carried over the very learning rate that is tuned here.
    """

    batch_size: int
    regret: Interval
    reached: int
    replicates: int
    same: bool


@dataclass(frozen=True)
class LeftOut:
    """A batch size that the average does not hold, and why."""

    batch_size: int
    reason: str


@dataclass(frozen=True)
class TransferRegret:
    """F2 of one model, rule and goal.

    Attributes:
        regret: Mean over the other batch sizes, in octaves: log2 of steps over tuned steps.
        bound: ``lower`` where trials that never reached the goal are counted at the budget.
        never_reached: Share of the carried-over trials that never reached it.
        replicates: Replicates in the mean.
        cells: The batch sizes averaged.
        left_out: The others, with the reason.
        reason: Why there is no regret; empty where there is.
    """

    regret: Interval
    bound: Literal["lower"] | None
    never_reached: float | None
    replicates: int
    cells: tuple[CellRegret, ...]
    left_out: tuple[LeftOut, ...]
    reason: str


def regrets(
    trials: pd.DataFrame, assignments: pd.DataFrame, observed: pd.DataFrame
) -> pd.DataFrame:
    """Every rule's replicates beside the tuned rule's replicate of the same index.

    A trial that never reached the goal, exhausted or diverged, counts as the steps of its budget.
    Both learning rates are confirm's, rounded to preferred numbers (up to 13 % off); a rule that
    comes to the tuned one shares its race, and its regret is exactly 0.

    Args:
        trials: Confirm's trials.
        assignments: Which of them stands for which rule.
        observed: Observations of those trials, at any goals.

    Returns:
        Per assignment and goal: ``model``, ``batch_size``, ``replicate``, ``goal``, ``rule``,
        ``kind`` and ``tuned_kind`` of the observations, ``regret`` in octaves (NaN where one of
        the two is missing) and ``same``, whether they are one race.
    """
    counted = observed[[*_KEY, "goal", "kind", "steps"]].merge(
        trials[[*_KEY, "max_steps"]], on=_KEY, validate="many_to_one"
    )
    reached = counted["kind"] == _REACHED
    counted["octaves"] = np.log2(counted["steps"].where(reached, counted["max_steps"]))
    counted.loc[counted["kind"] == "missing", "octaves"] = np.nan
    columns = ["model", "batch_size", "replicate", "rule", *_KEY]
    every = assignments[columns].merge(counted, on=_KEY)
    tuned = every[every["rule"] == "tuned"]
    beside = tuned[[*_PAIR, "kind", "octaves", *_KEY]]
    both = every.merge(beside, on=_PAIR, suffixes=("", "_tuned"), validate="many_to_one")
    both["regret"] = both["octaves"] - both["octaves_tuned"]
    same = (both["fingerprint"] == both["fingerprint_tuned"]) & (
        both["member"] == both["member_tuned"]
    )
    table = both.assign(same=same, tuned_kind=both["kind_tuned"])
    found = table[[*_PAIR, "rule", "kind", "tuned_kind", "regret", "same"]]
    return found.sort_values([*_PAIR, "rule"], ignore_index=True)


def transfer_regret(table: pd.DataFrame, reference: int, confidence: float) -> TransferRegret:
    """The learning rate of the reference batch size, carried to every other, against tuned: F2.

    Regret is log2 of steps to the goal over tuned steps, paired by replicate, averaged over the
    other batch sizes. The averages of replicates are independent and nearly normal, so the
    interval is Student's over them. It holds the randomness of confirm's runs, not the sweep's
    choice of the learning rates. A batch size at which some replicate did not reach the goal with
    its tuned rate has no tuned steps to compare with; it is left out and named, as are those
    at which every trial failed. A replicate with a failed trial is left out whole, so that all
    average the same batch sizes. Source: docs/science.md, F2.

    Args:
        table: Rows of `regrets` of one model, rule and goal.
        reference: Batch size whose tuned learning rate is carried over.
        confidence: Level of the intervals, in (0, 1).

    Returns:
        The regret; none, with the reason, where no batch size is left.
    """
    others = table[table["batch_size"] != reference]
    if not len(others):
        reason = "no learning rate was carried over: the reference has none, or no other feasible"
        return TransferRegret(UNKNOWN, None, None, 0, (), (), reason)
    left_out = tuple(
        LeftOut(int(size), reason)
        for size in np.unique(others["batch_size"].to_numpy(dtype=np.int64)).tolist()
        for reason in [_unfit(_at(others, size))]
        if reason
    )
    kept = others[~others["batch_size"].isin([cell.batch_size for cell in left_out])]
    measured = kept.set_index(["replicate", "batch_size"])["regret"].unstack()
    complete = measured.dropna().sort_index()
    if not complete.size:
        reason = "no batch size is left" if not len(kept) else "every replicate has a failed trial"
        return TransferRegret(UNKNOWN, None, None, 0, (), left_out, reason)
    kept = kept[kept["replicate"].isin(complete.index)]
    never = float((kept["kind"] != _REACHED).mean())
    return TransferRegret(
        mean_interval(complete.to_numpy(dtype=np.float64).mean(axis=1), confidence),
        "lower" if never else None,
        never,
        len(complete),
        tuple(
            _cell(size, _at(kept, size), confidence)
            for size in complete.columns.to_numpy(dtype=np.int64).tolist()
        ),
        left_out,
        "",
    )


def _at(table: pd.DataFrame, size: int) -> pd.DataFrame:
    return table.loc[(table["batch_size"] == size).to_numpy(dtype=np.bool_)]


def _unfit(cell: pd.DataFrame) -> str:
    measured = cell[np.isfinite(cell["regret"])]
    if not len(measured):
        return "every replicate failed"
    tuned = int((measured["tuned_kind"] == _REACHED).sum())
    if tuned < len(measured):
        return f"tuned, {tuned} of {len(measured)} replicates reached the goal"
    return ""


def _cell(size: int, part: pd.DataFrame, confidence: float) -> CellRegret:
    return CellRegret(
        size,
        mean_interval(part["regret"].to_numpy(dtype=np.float64), confidence),
        int((part["kind"] == _REACHED).sum()),
        len(part),
        bool(part["same"].all()),
    )

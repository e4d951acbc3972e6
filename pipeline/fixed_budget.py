"""What trials had come to after a fixed number of steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from pipeline.intervals import mean_interval
from pipeline.observations import sound
from pipeline.outcome import Ended

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.intervals import Interval

__all__ = ["MEASURES", "at_landmark", "mean_of"]

MEASURES: Final = ("validation_error", "test_error", "validation_loss")
_KEY: Final = ["fingerprint", "member"]


def at_landmark(
    trials: pd.DataFrame, curves: pd.DataFrame, landmark: Literal["epoch_steps", "max_steps"]
) -> pd.DataFrame:
    """Every trial at a landmark of its own: after the study's epochs, or at the end of the budget.

    Read at the landmark's evaluation (the last one up to it, should there be none). Only trials
    that stop neither at a goal nor for a race-mate have one: confirm's. Source: docs/science.md,
    estimand 3, the plain picture; and its trap that racing censors fixed-budget figures.

    Args:
        trials: Table of trials, each key once.
        curves: Table of their evaluations.
        landmark: Column of ``trials`` with the number of optimiser steps.

    Returns:
        Per trial its key, ``kind`` (``measured``, ``diverged`` by then, or ``missing``: failed or
        out of memory) and the measures: fractions and nats, NaN where the kind is not ``measured``.
    """
    evaluations = curves[[*_KEY, "step", *MEASURES]].assign(sound=sound(curves))
    at = trials[[*_KEY, "ended", landmark]].merge(evaluations, on=_KEY, validate="one_to_many")
    at = at[at["step"] <= at[landmark]].sort_values([*_KEY, "step"])
    last = at.drop_duplicates(_KEY, keep="last").drop(columns=["ended", landmark])
    found = trials[[*_KEY, "ended", landmark]].merge(last, on=_KEY, how="left")
    ended = found["ended"].to_numpy(dtype=np.str_)
    there = (found["step"] == found[landmark]) & found["sound"].eq(True)
    lost = np.isin(ended, [Ended.FAILED, Ended.OUT_OF_MEMORY]) | found["step"].isna()
    broken = (ended == Ended.DIVERGED) & ~there
    found["kind"] = np.where(lost, "missing", np.where(broken, "diverged", "measured"))
    found.loc[found["kind"] != "measured", list(MEASURES)] = np.nan
    return found[[*_KEY, "kind", *MEASURES]]


def mean_of(measure: str, found: pd.DataFrame, confidence: float) -> Interval:
    """Mean of a measure over replicates with its Student interval, that of an error in [0, 1].

    Replicates that diverged have no value and are left out; say how many beside it. Source: as
    `mean_interval`.

    Args:
        measure: One of `MEASURES`.
        found: Result of `at_landmark` for the replicates of one cell and rule.
        confidence: Level of the interval, in (0, 1).

    Returns:
        A fraction for errors, nats for losses; None in all parts where no replicate has a value,
        in the limits where one has or all are wrong on equally many examples.
    """
    values = found[measure].to_numpy(dtype=np.float64)
    error = measure.endswith("error")
    mean = mean_interval(values[np.isfinite(values)], confidence, counted=error)
    if not error:
        return mean
    return mean.map(lambda number: min(max(number, 0.0), 1.0))

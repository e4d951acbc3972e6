"""Steps to a goal over the replicates of a cell."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from pipeline.intervals import Interval, lower_limit_of_median, mean_interval

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["steps_to_goal"]


def steps_to_goal(observed: pd.DataFrame, confidence: float) -> Interval:
    """Geometric mean of steps to a goal over replicates, exp of the Student interval of log steps.

    Where a measured replicate was censored or diverged the mean is not known: ``value`` and
    ``high`` are None, and ``low`` is the lower confidence limit of the median, for which the
    censored stand at their last step and the diverged at infinity (None if that limit is infinite
    or the replicates are too few). Source: docs/science.md, estimands 1 and 2; on never dropping
    the censored, Kalbfleisch & Prentice 2002, section 1.3.

    Args:
        observed: Observations of replicates of one cell at one goal: ``kind``, ``steps``.
        confidence: Level of the interval, in (0, 1).

    Returns:
        Optimiser steps.
    """
    measured = observed[observed["kind"] != "missing"]
    steps = measured["steps"].to_numpy(dtype=np.float64)
    if bool((measured["kind"] == "reached").all()):
        return mean_interval(np.log(steps), confidence, counted=True).map(math.exp)
    return Interval(None, lower_limit_of_median(steps, confidence), None)

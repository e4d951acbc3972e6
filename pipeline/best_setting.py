"""The best of settings that differ in more than the learning rate; no surface is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pipeline.intervals import Interval, mean_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BestSetting", "best_setting"]


class BestSetting(NamedTuple):
    """The trial of lowest cost.

    Attributes:
        trial: Its index.
        rate: Its learning rate, in the unit of the argument, with an interval.
    """

    trial: int
    rate: Interval


def best_setting(
    rate: NDArray[np.float64],
    cost: NDArray[np.float64],
    replicate: NDArray[np.int64],
    box: tuple[float, float],
    confidence: float,
) -> BestSetting:
    """The trial of lowest cost, with an interval of its learning rate profiled over the others.

    Every replicate's own best trial minimises over all hyperparameters, and so over what is not
    the learning rate too: the mean of these profiled learning rates has a Student interval over
    replicates. It is made to hold the next learning rates tried around the best trial's, and
    clipped to the box; one replicate alone leaves the whole box. That the best trial won is partly
    luck, which is why confirm trains it again. Source: docs/science.md, estimand 5, by profile.

    Args:
        rate: Log of the learning rate [n].
        cost: What is lowest at the best, finite [n]; of equal ones the lower rate counts.
        replicate: Index of the replicate [n].
        box: Where ``rate`` may lie.
        confidence: Level of the interval, in (0, 1).

    Returns:
        The trial and the interval around its rate.
    """
    order = np.lexsort((rate, cost))
    trial = int(order[0])
    profiled = rate[order][np.unique(replicate[order], return_index=True)[1]]
    mean = mean_interval(profiled, confidence)
    value = float(rate[trial])
    # Replicates that share proposals may agree on one; the spacing of what was tried remains.
    below = float(rate[rate < value].max(initial=box[0]))
    above = float(rate[rate > value].min(initial=box[1]))
    low = box[0] if mean.low is None else max(min(mean.low, below), box[0])
    high = box[1] if mean.high is None else min(max(mean.high, above), box[1])
    return BestSetting(trial, Interval(value, low, high))

"""What to set: a model's tuned settings at a batch size, measured, in between, or not at all."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from pipeline.intervals import UNKNOWN, Interval

__all__ = ["Setting", "setting_at", "settings_of"]

Json = Mapping[str, Any]
Source = Literal["measured", "interpolated", "outside"]

_NOTHING: Final[Json] = {"value": None, "low": None, "high": None}


@dataclass(frozen=True)
class Setting:
    """What a study says of one model at one batch size.

    Attributes:
        batch_size: Examples per step.
        source: ``measured``; ``interpolated`` between the measured batch sizes around it; or
            ``outside`` of all of them, where nothing is known.
        learning_rate: Tuned.
        confirmed: The rounded learning rate that confirm trained; None where it trained none here.
        edge: ``low`` or ``high`` where the optimum may lie outside of what was tried, else empty.
        steps: Optimiser steps to the goal at the tuned learning rate.
        examples: The same in examples.
        reached: Of confirm's replicates, how many reached the goal.
        replicates: How many there were; 0 where the batch size was not measured.
    """

    batch_size: int
    source: Source
    learning_rate: Interval = UNKNOWN
    confirmed: float | None = None
    edge: str = ""
    steps: Interval = UNKNOWN
    examples: Interval = UNKNOWN
    reached: int = 0
    replicates: int = 0


def settings_of(cells: Sequence[Json], goal: float) -> tuple[Setting, ...]:
    """The measured settings of a model.

    Args:
        cells: Of one model, as estimates.json has them.
        goal: One of the study's.

    Returns:
        Feasible cells by ascending batch size.
    """
    found = [_setting(cell, goal) for cell in cells if cell["feasible"]]
    return tuple(sorted(found, key=lambda one: one.batch_size))


def setting_at(measured: Sequence[Setting], batch_size: int) -> Setting:
    """The setting at any batch size.

    Between two measured batch sizes learning rate, steps and their limits are interpolated, linear
    in all logarithms, which is the power law that joins the neighbours; that limits are
    interpolated as well errs on the wide side, since the estimates of two cells are independent.
    What one neighbour does not know, is not known in between. Source: docs/science.md, estimands 2
    and 5.

    Args:
        measured: By ascending batch size, at least one.
        batch_size: In examples.

    Returns:
        The setting; outside of the measured batch sizes an empty one.
    """
    for one in measured:
        if one.batch_size == batch_size:
            return one
    for below, above in itertools.pairwise(measured):
        if below.batch_size < batch_size < above.batch_size:
            return _between(below, above, batch_size)
    return Setting(batch_size, "outside")


def _setting(cell: Json, goal: float) -> Setting:
    tuned: Json = cell["tuned_learning_rate"] or _NOTHING
    goals: Sequence[Json] = cell["goals"]
    reached: Json = next((one for one in goals if one["goal"] == goal), _NOTHING)
    return Setting(
        batch_size=cell["batch_size"],
        source="measured",
        learning_rate=_interval(tuned),
        confirmed=tuned.get("confirmed"),
        edge=tuned.get("edge") or "",
        steps=_interval(reached.get("steps") or _NOTHING),
        examples=_interval(reached.get("examples") or _NOTHING),
        reached=reached.get("reached", 0),
        replicates=reached.get("replicates", 0),
    )


def _interval(numbers: Json) -> Interval:
    return Interval(*(numbers.get(name) for name in ("value", "low", "high")))


def _between(below: Setting, above: Setting, batch_size: int) -> Setting:
    share = math.log(batch_size / below.batch_size) / math.log(above.batch_size / below.batch_size)
    steps = _mixed(below.steps, above.steps, share)
    return replace(
        Setting(batch_size, "interpolated"),
        learning_rate=_mixed(below.learning_rate, above.learning_rate, share),
        edge=below.edge or above.edge,
        steps=steps,
        examples=steps.map(lambda number: number * batch_size),
    )


def _mixed(below: Interval, above: Interval, share: float) -> Interval:
    def mix(left: float | None, right: float | None) -> float | None:
        if left is None or right is None:
            return None
        return math.exp((1 - share) * math.log(left) + share * math.log(right))

    return Interval(
        mix(below.value, above.value), mix(below.low, above.low), mix(below.high, above.high)
    )

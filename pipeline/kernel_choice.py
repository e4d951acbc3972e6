"""From measured times to settings: which cells train stacked, and how wide a cohort is.

A kernel is part of a fingerprint, so another kernel trains its cells again: the choice in use
stays unless another one saves more than noise can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.settings import KernelSettings
from pipeline.trial import Cell, Kernel

__all__ = ["Choice", "Timing", "choose", "in_use"]

WORTH: Final = 0.05  # share of the predicted time that a change must save


@dataclass(frozen=True)
class Timing:
    """One cell, kernel and width; seconds per optimiser step and member.

    Attributes:
        cell: Model and batch size.
        kernel: How it computed.
        members: Trained side by side.
        median: Over rounds.
        minimum: Over rounds.
        maximum: Over rounds.
    """

    cell: Cell
    kernel: Kernel
    members: int
    median: float
    minimum: float
    maximum: float


@dataclass(frozen=True)
class Choice:
    """Settings of training.

    Attributes:
        stacked_up_to: Largest batch size that trains stacked.
        overrides: The same, for models that differ.
        cohort_width: Most members of a stacked lane.
    """

    stacked_up_to: int
    overrides: Mapping[str, int]
    cohort_width: int

    def threshold(self, model: str) -> int:
        """Largest batch size of ``model`` that trains stacked."""
        return self.overrides.get(model, self.stacked_up_to)


@dataclass(frozen=True)
class _Times:
    """Of one model, by batch size: solo, and stacked by width."""

    solo: Mapping[int, float]
    stacked: Mapping[int, Mapping[int, float]]

    def total(self, threshold: int, width: int, steps: Mapping[int, int]) -> float:
        """Seconds per trial of each cell together; infinite where a kernel does not work."""
        never = float("inf")
        return sum(
            steps[size]
            * (self.stacked[size].get(width, never) if size <= threshold else self.solo[size])
            for size in self.solo
        )


def choose(
    timings: Sequence[Timing], now: Choice, steps: Mapping[int, int]
) -> tuple[Choice, float, float]:
    """Settings that train the measured cells fastest.

    Args:
        timings: Of each cell, solo and at every width that works; a cell without stacked ones
            can't be stacked.
        now: What params.yaml says; its width must have been measured.
        steps: Optimiser steps of a trial, by batch size.

    Returns:
        The choice, and the seconds predicted for one trial of each cell with the settings in use
        and with the choice.
    """
    models = {t.cell.model: _times(timings, t.cell.model) for t in timings}
    widths = sorted({t.members for t in timings if t.kernel == "stacked"} | {now.cohort_width})

    def seconds(choice: Choice) -> float:
        thresholds = {m: choice.threshold(m) for m in models}
        return sum(
            times.total(thresholds[m], choice.cohort_width, steps) for m, times in models.items()
        )

    fastest = {w: {m: _threshold(models[m], w, now.threshold(m), steps) for m in models}
               for w in widths}  # fmt: skip
    choices = [_shared(fastest[w], now, w) for w in widths]
    best = min(choices, key=seconds)
    same_width = next(c for c in choices if c.cohort_width == now.cohort_width)
    if seconds(same_width) <= seconds(best) * (1 + WORTH):
        best = same_width
    return best, seconds(now), seconds(best)


def _threshold(times: _Times, width: int, in_use: int, steps: Mapping[int, int]) -> int:
    """A model's best threshold at a width: 0 or one of its batch sizes, or the one in use."""
    candidates = [0, *sorted(times.solo)]
    best = min(candidates, key=lambda threshold: times.total(threshold, width, steps))
    kept, found = (times.total(threshold, width, steps) for threshold in (in_use, best))
    return in_use if kept <= found * (1 + WORTH) else best


def _shared(thresholds: Mapping[str, int], now: Choice, width: int) -> Choice:
    """Most models' threshold as the rule, the others as overrides."""
    counts = Counter(thresholds.values())
    favoured = now.stacked_up_to
    rule = max(counts, key=lambda t: (counts[t], t == favoured, t), default=favoured)
    others = {m: t for m, t in now.overrides.items() if m not in thresholds}
    return Choice(rule, others | {m: t for m, t in thresholds.items() if t != rule}, width)


def _times(timings: Sequence[Timing], model: str) -> _Times:
    solo: dict[int, float] = {}
    stacked: dict[int, dict[int, float]] = {}
    for timing in timings:
        if timing.cell.model == model:
            size = timing.cell.batch_size
            stacked.setdefault(size, {})
            if timing.kernel == "solo":
                solo[size] = timing.median
            else:
                stacked[size][timing.members] = timing.median
    return _Times(solo, stacked)


def in_use(kernel: KernelSettings, width: int) -> Choice:
    """The choice that params.yaml states."""
    return Choice(kernel.stacked_up_to, kernel.overrides, width)

"""Learning-rate schedules: the share of its peak that the learning rate has at a step.

A function of the step and the budget alone, so all members of a lane share it and a run that starts
again repeats it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pipeline.trial import Recipe, Shape

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """Warm-up, then a constant, linear or cosine decay to the end of the budget.

    Of T steps the first W = warmup · T, rounded, warm up: η_t = η·(t + 1)/W, which reaches η at the
    last of them. Then, with p = (t − W)/(T − W), ``constant``: η; ``linear``: η·(1 − (1 − f)·p);
    ``cosine``: η·(f + (1 − f)·(1 + cos πp)/2). Shares of the budget mean the same at every batch
    size, where counts of steps or of epochs would not. Source: Goyal et al. 2017 (arXiv
    1706.02677), section 2.2, for the warm-up; Loshchilov & Hutter 2017 (arXiv 1608.03983), eq. 5,
    without restarts; Shallue et al. 2018 (arXiv 1811.03600), section 4.1, for linear decay.

    Attributes:
        shape: Of the decay.
        warmup: Share of the budget that warms up, in [0, 1).
        final: Share f of the peak that the decay ends at, in [0, 1]; nothing to ``constant``.
        steps: The budget T, in optimiser steps.
    """

    shape: Shape
    warmup: float
    final: float
    steps: int

    @classmethod
    def of(cls, recipe: Recipe) -> Schedule:
        """The schedule of a race's trials."""
        return cls(recipe.schedule, recipe.warmup, recipe.final, recipe.max_steps)

    @property
    def plain(self) -> bool:
        """Whether every step has the peak."""
        return self.shape == "constant" and not self._warming

    def factor(self, step: int) -> float:
        """Share of the peak.

        Args:
            step: Optimiser steps taken before; past the budget it stays at the end's.

        Returns:
            A number in [0, 1].
        """
        warming = self._warming
        if step < warming:
            return (step + 1) / warming
        if self.shape == "constant" or warming >= self.steps:
            return 1.0
        progress = min(1.0, (step - warming) / (self.steps - warming))
        if self.shape == "linear":
            return 1 - (1 - self.final) * progress
        return self.final + (1 - self.final) * (1 + math.cos(math.pi * progress)) / 2

    @property
    def _warming(self) -> int:
        return round(self.warmup * self.steps)

"""Vectorised update rules: one call updates every member of a lane.

Tensors of a stacked lane carry the members k in front, [k, ...]; those of a solo lane do not.
Every operation is a multiply, add, multiply-add, divide or root of one element, so a member's
numbers do not depend on where it lies in the stack.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import torch
from torch import Tensor

from pipeline.schedules import Schedule

__all__ = ["MEMORIES", "Adam", "LearningRates", "Rule", "Sgd"]

MEMORIES: Final = {"sgd": 1, "adam": 2, "adamw": 2}
"""Tensors, as large as the parameters, that a rule remembers from step to step."""


class Rule(Protocol):
    """How parameters follow from gradients."""

    def step(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        memory: Sequence[Sequence[Tensor]],
        taken: int,
    ) -> None:
        """Update parameters and memory in place.

        Args:
            parameters: θ.
            gradients: Of the training loss; not changed.
            memory: `MEMORIES` tensors a parameter, zero before the first step.
            taken: Optimiser steps taken before. Members start together, so one number serves all.
        """
        ...


class LearningRates:
    """η of the members of a lane at any step, broadcastable to each parameter.

    Args:
        peaks: η before the schedule, [k], or [] in a solo lane.
        dimensions: Of each parameter, the members' among them.
        schedule: Gives the share of the peak at a step.
    """

    def __init__(self, peaks: Tensor, dimensions: Sequence[int], schedule: Schedule) -> None:
        self._peaks = peaks
        self._dimensions = dimensions
        self._schedule = schedule
        self._plain = schedule.plain
        self._unscaled = self._views(peaks)

    def at(self, taken: int, times: float = 1.0) -> Sequence[Tensor]:
        """Learning rates of a step, one tensor a parameter.

        Args:
            taken: Optimiser steps taken before.
            times: They are multiplied by this.
        """
        if self._plain and times == 1:
            return self._unscaled
        return self._views(self._peaks * (self._schedule.factor(taken) * times))

    def _views(self, rates: Tensor) -> Sequence[Tensor]:
        if not rates.dim():
            return [rates] * len(self._dimensions)
        views = {n: rates.reshape(-1, *(1,) * (n - 1)) for n in set(self._dimensions)}
        return [views[n] for n in self._dimensions]


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent as torch.optim.SGD has it, without dampening.

    g ← g + λθ;  v ← μv + g;  θ ← θ − η·(g + μv with Nesterov, else v)  (Sutskever et al. 2013).

    Attributes:
        learning_rates: η of a step.
        momenta: μ for each parameter, broadcastable to it, or None where all are 0.
        weight_decays: λ likewise, or None where all are 0.
        nesterov: Whether momentum looks ahead.
    """

    learning_rates: LearningRates
    momenta: Sequence[Tensor] | None
    weight_decays: Sequence[Tensor] | None
    nesterov: bool

    @torch.no_grad()
    def step(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        memory: Sequence[Sequence[Tensor]],
        taken: int,
    ) -> None:
        """Update parameters and velocities in place.

        Args:
            parameters: θ.
            gradients: Of the training loss; not changed.
            memory: Velocities v alone, zero before the first step; unused without momentum.
            taken: Optimiser steps taken before.
        """
        (velocities,) = memory
        rates = self.learning_rates.at(taken)
        for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            descent = gradient
            if self.weight_decays is not None:
                descent = descent + parameter * self.weight_decays[i]
            if self.momenta is not None:
                velocity = velocities[i].mul_(self.momenta[i]).add_(descent)
                descent = descent + velocity * self.momenta[i] if self.nesterov else velocity
            parameter.addcmul_(descent, rates[i], value=-1)


@dataclass(frozen=True)
class Adam:
    """Adam and AdamW as torch.optim has them, without amsgrad.

    Adam: g ← g + λθ; AdamW: θ ← θ − ηλθ. Then m ← β₁m + (1 − β₁)g; v ← β₂v + (1 − β₂)g²;
    θ ← θ − η·m̂ / (√v̂ + ε) with m̂ = m/(1 − β₁ᵗ) and v̂ = v/(1 − β₂ᵗ), computed as
    η·√(1 − β₂ᵗ)/(1 − β₁ᵗ) · m / (√v + ε·√(1 − β₂ᵗ)). Source: Kingma & Ba 2015 (arXiv 1412.6980),
    algorithm 1 and the end of section 2; Loshchilov & Hutter 2019 (arXiv 1711.05101), algorithm 2.

    Attributes:
        learning_rates: η of a step.
        weight_decays: λ for each parameter, broadcastable to it, or None where all are 0.
        decoupled: Whether weights decay beside the averages (AdamW) rather than through them.
        beta1: β₁.
        beta2: β₂.
        epsilon: ε.
    """

    learning_rates: LearningRates
    weight_decays: Sequence[Tensor] | None
    decoupled: bool
    beta1: float
    beta2: float
    epsilon: float

    @torch.no_grad()
    def step(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        memory: Sequence[Sequence[Tensor]],
        taken: int,
    ) -> None:
        """Update parameters and both averages in place.

        Args:
            parameters: θ.
            gradients: Of the training loss; not changed.
            memory: m and v, zero before the first step.
            taken: Optimiser steps taken before.
        """
        means, squares = memory
        root = math.sqrt(1 - self.beta2 ** (taken + 1))
        sizes = self.learning_rates.at(taken, root / (1 - self.beta1 ** (taken + 1)))
        decayed = self._decayed(parameters, gradients, taken)
        for i, (parameter, gradient) in enumerate(zip(parameters, decayed, strict=True)):
            mean = means[i].mul_(self.beta1).add_(gradient * (1 - self.beta1))
            square = squares[i].mul_(self.beta2).add_(gradient * gradient * (1 - self.beta2))
            spread = square.sqrt().add_(self.epsilon * root)
            parameter.addcmul_(mean / spread, sizes[i], value=-1)

    def _decayed(
        self, parameters: Sequence[Tensor], gradients: Sequence[Tensor], taken: int
    ) -> Sequence[Tensor]:
        """Gradients to descend; decoupled decay moves the parameters instead."""
        decays = self.weight_decays
        if decays is None:
            return gradients
        if not self.decoupled:
            pairs = zip(parameters, gradients, decays, strict=True)
            return [gradient + parameter * decay for parameter, gradient, decay in pairs]
        for parameter, rate, decay in zip(
            parameters, self.learning_rates.at(taken), decays, strict=True
        ):
            parameter.sub_(parameter * (rate * decay))
        return gradients

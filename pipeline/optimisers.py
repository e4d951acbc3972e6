"""Vectorised update rules: one call updates every member of a lane.

Tensors of a stacked lane carry the members K in front, [K, ...]; those of a solo lane do not.
Every operation is a single rounded multiply or add per element, so a member's numbers do not
depend on where it lies in the stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Sgd"]


@dataclass(frozen=True)
class Sgd:
    """Stochastic gradient descent as torch.optim.SGD has it, without dampening.

    g ← g + λθ;  v ← μv + g;  θ ← θ − η·(g + μv with Nesterov, else v)  (Sutskever et al. 2013).

    Attributes:
        learning_rates: η for each parameter, broadcastable to it.
        momenta: μ likewise, or None where all are 0.
        weight_decays: λ likewise, or None where all are 0.
        nesterov: Whether momentum looks ahead.
    """

    learning_rates: Sequence[Tensor]
    momenta: Sequence[Tensor] | None
    weight_decays: Sequence[Tensor] | None
    nesterov: bool

    @torch.no_grad()
    def step(
        self,
        parameters: Sequence[Tensor],
        gradients: Sequence[Tensor],
        velocities: Sequence[Tensor],
    ) -> None:
        """Update parameters and velocities in place.

        Args:
            parameters: θ.
            gradients: Of the training loss; not changed.
            velocities: v, zero before the first step; unused without momentum.
        """
        for i, (parameter, gradient) in enumerate(zip(parameters, gradients, strict=True)):
            descent = gradient
            if self.weight_decays is not None:
                descent = descent + parameter * self.weight_decays[i]
            if self.momenta is not None:
                velocity = velocities[i].mul_(self.momenta[i]).add_(descent)
                descent = descent + velocity * self.momenta[i] if self.nesterov else velocity
            parameter.sub_(descent * self.learning_rates[i])

"""How the layers of the derivation start."""

from __future__ import annotations

import math

import torch
from torch import nn

__all__ = ["uniform_parameters"]


def uniform_parameters(
    inputs: int, weight: tuple[int, ...], bias: tuple[int, ...]
) -> tuple[nn.Parameter, nn.Parameter]:
    """Weights and biases uniform in ±1/√(inputs), from torch's global generator.

    That is how torch.nn.Linear and torch.nn.Conv2d start (He et al. 2015, arXiv 1502.01852, with
    a = √5), so that a comparison with them, and between constraints, is one of layers.

    Args:
        inputs: Numbers that one unit weighs.
        weight: Shape of the weights.
        bias: Shape of the biases.

    Returns:
        Weights and biases.
    """
    bound = 1 / math.sqrt(inputs)
    weights = nn.Parameter(torch.empty(weight).uniform_(-bound, bound))
    return weights, nn.Parameter(torch.empty(bias).uniform_(-bound, bound))

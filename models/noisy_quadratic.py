"""The noisy quadratic: a loss whose whole training is known in closed form."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from models.task import Objective, Task

__all__ = ["OBJECTIVE", "noisy_quadratic"]


def _itself(outputs: Tensor, targets: Tensor) -> Tensor:
    del targets  # the quadratic's examples have none
    return outputs


def _above_optimum(outputs: Tensor, targets: Tensor) -> Tensor:
    del targets
    return (outputs > 0).to(torch.float32)


OBJECTIVE: Final = Objective("noisy quadratic", _itself, _above_optimum)
"""The network's output is the loss; the error is whether it exceeds 0, what the optimum costs."""


class _Quadratic(nn.Module):
    """½ θᵀHθ + θᵀ√H x, with H diagonal."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(size))
        # 1/h, whole numbers, so that no precision is lost where the network is converted.
        self.register_buffer("inverse_curvature", torch.arange(1.0, size + 1))

    def forward(self, images: Tensor) -> Tensor:
        """Losses [B] of images [B, C, H, W]."""
        scaled = self.theta * self.get_buffer("inverse_curvature").rsqrt()
        return images.flatten(1) @ scaled + scaled.square().sum() / 2


def noisy_quadratic(task: Task) -> nn.Module:
    """The noisy quadratic in as many dimensions d as an image has pixels.

    An example x with mean 0 and covariance 1 costs ½ θᵀHθ + θᵀ√H x, where h_i = 1/i: so gradients
    have covariance C = H, and examples move the loss without moving its mean's minimum. Source:
    Zhang et al. 2019 (arXiv 1907.04164), section 3, with their h_i = 1/i and C = H.

    Initialisation: all ones, whatever the seed; it is part of the problem.

    Args:
        task: Sizes of the input; classes play no part.

    Returns:
        A module mapping images [B, C, H, W] to losses [B].
    """
    return _Quadratic(task.pixels)

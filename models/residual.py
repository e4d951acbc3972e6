"""The residual network of eight layers for small images, with whatever normalisation it is given.

Letters in shapes: B batch, C channels, H W space.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from models.task import Task

__all__ = ["residual_network"]

_WIDTHS: Final = (16, 32, 64)  # channels of the three stages, one block each
Normalise = Callable[[int], nn.Module]


def residual_network(task: Task, normalise: Normalise) -> nn.Module:
    """Seven 3×3 convolutions in a stem and three residual blocks, then a linear read-out.

    He et al. 2016 (arXiv 1512.03385), section 4.2, 6n + 2 layers with n = 1: 16, 32 and 64
    channels, the second and third block halve the map, shortcuts without parameters (option A),
    global average pooling. Works on images of any size.

    Initialisation: convolutions normal with variance 2/(inputs of a unit), He et al. 2015
    (arXiv 1502.01852), equation 10, without bias; normalisation 1 and 0; read-out as
    torch.nn.Linear.

    Args:
        task: Sizes of the input and output.
        normalise: From a number of channels to the normalisation after a convolution.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    first, second, third = _WIDTHS
    return nn.Sequential(
        _convolution(task.channels, first, stride=1),
        normalise(first),
        nn.ReLU(),
        _Block(first, first, 1, normalise),
        _Block(first, second, 2, normalise),
        _Block(second, third, 2, normalise),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(third, task.classes),
    )


class _Block(nn.Module):
    """ReLU(x + N(V₂ * ReLU(N(V₁ * x)))), where x is thinned and padded to fit (option A)."""

    def __init__(self, ins: int, outs: int, stride: int, normalise: Normalise) -> None:
        super().__init__()
        self.stride = stride
        self.extra = outs - ins
        self.branch = nn.Sequential(
            _convolution(ins, outs, stride),
            normalise(outs),
            nn.ReLU(),
            _convolution(outs, outs, stride=1),
            normalise(outs),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map [B, C, H, W] to [B, C', ⌈H/s⌉, ⌈W/s⌉]."""
        shortcut = images[..., :: self.stride, :: self.stride]
        shortcut = F.pad(shortcut, (0, 0, 0, 0, 0, self.extra))
        return torch.relu(shortcut + self.branch(images))


def _convolution(ins: int, outs: int, stride: int) -> nn.Conv2d:
    layer = nn.Conv2d(ins, outs, 3, stride, padding=1, bias=False)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    return layer

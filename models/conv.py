"""A small CNN made of the project's own convolution layer."""

from __future__ import annotations

from torch import nn

from models.layers.convolution import Convolution2d
from models.task import Task

__all__ = ["conv"]

_CHANNELS = (8, 16)
_KERNEL = 3
_POOL = 2


def conv(task: Task) -> nn.Module:
    """Two 3×3 convolutions that keep the size, each rectified and pooled 2×2; a linear read-out.

    Initialisation: see :class:`models.layers.convolution.Convolution2d`, and torch.nn.Linear.

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].

    Raises:
        ValueError: If the images are smaller than 4×4 pixels, too small to pool twice.
    """
    pooled = _POOL ** len(_CHANNELS)
    if min(task.height, task.width) < pooled:
        raise ValueError(
            f"conv pools {task.height}×{task.width} pixels by {pooled}; "
            f"use images of at least {pooled}×{pooled}"
        )
    first, second = _CHANNELS
    return nn.Sequential(
        Convolution2d(task.channels, first, _KERNEL, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(_POOL),
        Convolution2d(first, second, _KERNEL, padding="same"),
        nn.ReLU(),
        nn.MaxPool2d(_POOL),
        nn.Flatten(),
        nn.Linear(second * (task.height // pooled) * (task.width // pooled), task.classes),
    )

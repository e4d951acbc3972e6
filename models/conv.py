"""The ladder's last rung: layers tied over positions and local, which is the convolution."""

from __future__ import annotations

from torch import nn

from models.layers.convolution import Convolution2d
from models.layers.geometry import Pair
from models.skeleton import KERNEL, skeleton
from models.task import Task

__all__ = ["conv"]


def conv(task: Task) -> nn.Module:
    """The ladder's skeleton of 3×3 convolutions, 8 and 16 channels.

    Initialisation: :class:`models.layers.convolution.Convolution2d`'s, that of torch.nn.Conv2d.

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return skeleton("conv", task, _layer)


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    del image  # tied: the same kernel at any size
    return Convolution2d(ins, outs, KERNEL, padding="same")

"""The ladder's rung beside tied: layers that are local, and not tied over positions."""

from __future__ import annotations

from torch import nn

from models.layers.geometry import Pair
from models.layers.local import LocallyConnected2d
from models.skeleton import KERNEL, skeleton
from models.task import Task

__all__ = ["local"]


def local(task: Task) -> nn.Module:
    """The ladder's skeleton of locally connected layers, 3×3 windows, 8 and 16 channels.

    Initialisation: :class:`models.layers.local.LocallyConnected2d`'s, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return skeleton("local", task, _layer)


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    return LocallyConnected2d(ins, outs, image, KERNEL, padding="same")

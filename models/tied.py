"""The ladder's rung between dense and conv: layers tied over positions, and not local."""

from __future__ import annotations

from torch import nn

from models.layers.geometry import Pair
from models.layers.tied import GloballyTied2d
from models.skeleton import skeleton
from models.task import Task

__all__ = ["tied"]


def tied(task: Task) -> nn.Module:
    """The ladder's skeleton of globally tied layers, 8 and 16 channels.

    Initialisation: :class:`models.layers.tied.GloballyTied2d`'s, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return skeleton("tied", task, _layer)


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    return GloballyTied2d(ins, outs, image, image)

"""The skeleton that the ladder's networks share, so that only their layers differ.

Letters in shapes: B batch, C channels, H W input size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from torch import nn

from models.layers.geometry import Pair
from models.layers.pooling import MaxPool2d
from models.task import Task

__all__ = ["CHANNELS", "KERNEL", "POOL", "refuse_small", "skeleton"]

CHANNELS: Final = (8, 16)
KERNEL: Final = 3
POOL: Final = 2


def skeleton(name: str, task: Task, layer: Callable[[int, int, Pair], nn.Module]) -> nn.Module:
    """Two layers that keep the size, each pooled 2×2 and rectified; a linear read-out.

    The read-out starts as torch.nn.Linear does; the layers say how they start. Images smaller than
    4×4 pixels are refused: they cannot be pooled twice.

    Args:
        name: Of the network, for its complaints.
        task: Sizes of the input and output.
        layer: Makes a layer from input channels, output channels and image size.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    refuse_small(name, task, POOL ** len(CHANNELS))
    layers: list[nn.Module] = []
    channels, height, width = task.channels, task.height, task.width
    for wider in CHANNELS:
        layers += [layer(channels, wider, (height, width)), MaxPool2d(), nn.ReLU()]
        channels, height, width = wider, height // POOL, width // POOL
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * height * width, task.classes))


def refuse_small(name: str, task: Task, side: int) -> None:
    """Refuse images that pooling would leave nothing of.

    Args:
        name: Of the network.
        task: Sizes of the input and output.
        side: Pixels that height and width need at least.

    Raises:
        ValueError: If one is smaller.
    """
    if min(task.height, task.width) < side:
        raise ValueError(
            f"{name} pools {task.height}×{task.width} pixels by {side}; "
            f"use images of at least {side}×{side}"
        )

"""The simple CNN whose batch sizes Shallue et al. measured."""

from __future__ import annotations

from typing import Final

from torch import nn

from models.layers.pooling import MaxPool2d
from models.skeleton import refuse_small
from models.task import Task

__all__ = ["simple_cnn"]

_CHANNELS: Final = (32, 64)
_HIDDEN: Final = 1024


def simple_cnn(task: Task) -> nn.Module:
    """The base "Simple CNN" of Shallue et al. 2018 (arXiv 1811.03600, appendix on models).

    Two 5×5 convolutions of 32 and 64 channels that keep the size, each max-pooled 2×2 with
    stride 2 and rectified, the same as the other way round; one hidden layer of 1,024 rectified
    units.

    Initialisation: torch's layers', uniform in ±1/√(inputs of a unit).

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    refuse_small("simple_cnn", task, 4)
    first, second = _CHANNELS
    return nn.Sequential(
        nn.Conv2d(task.channels, first, 5, padding=2),
        MaxPool2d(),
        nn.ReLU(),
        nn.Conv2d(first, second, 5, padding=2),
        MaxPool2d(),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(second * (task.height // 4) * (task.width // 4), _HIDDEN),
        nn.ReLU(),
        nn.Linear(_HIDDEN, task.classes),
    )

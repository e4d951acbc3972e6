"""A multilayer perceptron with as many parameters as conv."""

from __future__ import annotations

import torch
from torch import nn

from models.conv import conv
from models.task import Task

__all__ = ["mlp_matched"]


def mlp_matched(task: Task) -> nn.Module:
    """One hidden layer, as wide as brings its parameters closest to those of ``conv``.

    h units take (pixels + 1)·h + (h + 1)·classes parameters; there is at least one unit, so on
    large images, where conv has fewer than two units' worth, it is the larger network.

    Initialisation: torch.nn.Linear's, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output; at least 4×4 pixels, as for ``conv``.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    with torch.device("meta"):  # counted without drawing a weight
        wanted = sum(parameter.numel() for parameter in conv(task).parameters())
    hidden = max(1, round((wanted - task.classes) / (task.pixels + 1 + task.classes)))
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.pixels, hidden),
        nn.ReLU(),
        nn.Linear(hidden, task.classes),
    )

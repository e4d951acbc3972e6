"""A multilayer perceptron: the network that ignores that its input is an image."""

from __future__ import annotations

from torch import nn

from models.task import Task

__all__ = ["mlp"]

_HIDDEN = 64


def mlp(task: Task) -> nn.Module:
    """One hidden layer of 64 rectified units over the flattened pixels.

    Initialisation: torch.nn.Linear's, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.pixels, _HIDDEN),
        nn.ReLU(),
        nn.Linear(_HIDDEN, task.classes),
    )

"""Softmax regression: the network without a hidden layer, whose loss is convex."""

from __future__ import annotations

from torch import nn

from models.task import Task

__all__ = ["linear"]


def linear(task: Task) -> nn.Module:
    """One linear layer over the flattened pixels.

    Initialisation: torch.nn.Linear's, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return nn.Sequential(nn.Flatten(), nn.Linear(task.pixels, task.classes))

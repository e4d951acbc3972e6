"""A multilayer perceptron with as many parameters as conv."""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from models.conv import conv
from models.task import Task

__all__ = ["mlp_matched"]

_MULTIPLE: Final = 4  # units: 16 bytes in single precision


def mlp_matched(task: Task) -> nn.Module:
    """One hidden layer, as wide as brings its parameters close to those of ``conv``.

    h units take (pixels + 1)·h + (h + 1)·classes parameters, and h is the nearest multiple of four:
    members of a cohort whose activations start off a 16-byte boundary are computed by other
    instructions, with other last bits, than their neighbours (docs/log.md). There are at least four
    units, so on large images, where conv has fewer than four units' worth, it is the larger one.

    Initialisation: torch.nn.Linear's, uniform in ±1/√(inputs).

    Args:
        task: Sizes of the input and output; at least 4×4 pixels, as for ``conv``.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    with torch.device("meta"):  # counted without drawing a weight
        wanted = sum(parameter.numel() for parameter in conv(task).parameters())
    units = (wanted - task.classes) / (task.pixels + 1 + task.classes)
    hidden = _MULTIPLE * max(1, round(units / _MULTIPLE))
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.pixels, hidden),
        nn.ReLU(),
        nn.Linear(hidden, task.classes),
    )

"""Networks whose ``state_dict`` is not their parameters and buffers, each once."""

from __future__ import annotations

import torch
from torch import nn

from models.task import Task


class _Tied(nn.Module):
    """Three layers, of which the first and the last share their weights."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.a = nn.Linear(task.pixels, task.pixels)
        self.b = nn.Linear(task.pixels, task.classes)
        self.c = nn.Linear(task.pixels, task.pixels)
        self.c.weight = self.a.weight

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.b(self.c(self.a(images.flatten(1)).relu()).relu())


def tied(task: Task) -> nn.Module:
    """An MLP with tied weights."""
    return _Tied(task)


class _Masked(nn.Module):
    """Softmax regression on some pixels; which, is drawn with the initial weights and not saved."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.read_out = nn.Linear(task.pixels, task.classes)
        self.register_buffer("mask", torch.rand(task.pixels) < 0.5, persistent=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.read_out(images.flatten(1) * self.get_buffer("mask"))


def masked(task: Task) -> nn.Module:
    """Softmax regression with a buffer that does not persist."""
    return _Masked(task)

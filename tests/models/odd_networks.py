"""Networks that are hard to take apart: patches in the batch, examples second, tokens."""

from __future__ import annotations

import torch
from torch import nn

from models.task import Task


class _Patches(nn.Module):
    """Scores rows of an image one by one, as if each were an example, and adds them up."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.row = nn.Linear(task.width, task.classes)
        self.rectify = nn.ReLU()
        self.read_out = nn.Linear(task.classes, task.classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = self.rectify(self.row(images.flatten(0, 2)))
        return self.read_out(rows.view(len(images), -1, rows.shape[-1]).sum(1))


class _Sequence(nn.Module):
    """Rows of an image first, examples second, as recurrent layers like them."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.row = nn.Linear(task.width, task.classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.row(images.flatten(1, 2).transpose(0, 1)).mean(0)


class _Tokens(nn.Module):
    """Rows of an image are tokens; layers of which a cost is known, and others."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(task.width))
        self.row = nn.Linear(task.width, 4)
        self.normalise = nn.LayerNorm(4)
        self.mix = nn.Conv1d(task.height, 2, 1)
        self.recur = nn.GRU(4, 3, batch_first=True)
        self.read_out = nn.Linear(3, task.classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = self.row(images.flatten(1, 2) + self.shift)
        return self.read_out(self.recur(self.mix(self.normalise(tokens)))[0][:, -1])


def patches(task: Task) -> nn.Module:
    """Rows in the batch."""
    return _Patches(task)


def sequence(task: Task) -> nn.Module:
    """Examples second."""
    return _Sequence(task)


def tokens(task: Task) -> nn.Module:
    """Rows as tokens."""
    return _Tokens(task)

"""What a network is asked to do: the size of its input and output, and what counts as a loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from models.shape import Task

__all__ = ["CLASSIFICATION", "Objective", "Task"]


@dataclass(frozen=True)
class Objective:
    """How a network's outputs are scored, one number per example.

    Both functions take outputs [B, ...] and targets [B] and return [B]. The training loss is the
    mean of ``loss`` over the batch; validation loss and error are means over the split.

    Attributes:
        name: Shown in tables and reports.
        loss: Per-example loss, differentiable.
        error: Per-example error; the goals of a study are levels of its mean, or of the loss's.
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    error: Callable[[Tensor, Tensor], Tensor]


def _cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    # What torch's cross_entropy computes, to the bit; vmap makes twice as many operations of that.
    return -F.log_softmax(outputs, dim=-1).gather(-1, targets.unsqueeze(-1)).squeeze(-1)


def _misclassified(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs.argmax(dim=-1) != targets).to(torch.float32)


CLASSIFICATION: Final = Objective("classification", _cross_entropy, _misclassified)
"""Cross-entropy in nats, and misclassification (0 or 1)."""

"""How large a network is, without memory for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.registry import Network
    from models.shape import Task

__all__ = ["parameters_of"]


def parameters_of(known: Network, task: Task) -> int:
    """Count a network's parameters without drawing one; its factory may raise anything.

    Args:
        known: The network.
        task: Sizes of its input and output.
    """
    import torch

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in known.factory(task).parameters())

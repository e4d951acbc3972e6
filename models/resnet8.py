"""A residual network of eight layers with batch normalisation, which couples the examples."""

from __future__ import annotations

from torch import nn

from models.residual import residual_network
from models.task import Task

__all__ = ["resnet8"]


def resnet8(task: Task) -> nn.Module:
    """The eight-layer network of He et al. 2016, with batch normalisation (arXiv 1502.03167).

    In training an example's output depends on its whole batch. At batch size 1 it needs images of
    at least 5 pixels a side: on smaller ones the last maps are 1×1 and have no variance.

    Initialisation: :func:`models.residual.residual_network`'s, He et al. 2015.

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return residual_network(task, nn.BatchNorm2d)

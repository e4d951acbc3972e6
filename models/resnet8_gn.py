"""The residual network of eight layers with group normalisation: its examples stay independent."""

from __future__ import annotations

from typing import Final

from torch import nn

from models.residual import residual_network
from models.task import Task

__all__ = ["resnet8_gn"]

_GROUP: Final = 8  # channels normalised together


def resnet8_gn(task: Task) -> nn.Module:
    """The network of ``resnet8`` with group normalisation (Wu & He 2018, arXiv 1803.08494).

    Groups are of eight channels, so that the narrowest maps of 16 have two. No example's output
    depends on another's, at any batch size; on images of fewer than 5 pixels a side the last
    groups are normalised over their eight numbers alone.

    Initialisation: :func:`models.residual.residual_network`'s, He et al. 2015.

    Args:
        task: Sizes of the input and output.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return residual_network(task, _group_norm)


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(channels // _GROUP, channels)

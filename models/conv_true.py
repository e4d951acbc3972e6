"""The convolution of mathematics, with the kernel flipped, in place of the cross-correlation."""

from __future__ import annotations

from torch import nn

from models.layers.convolution import Convolution2d
from models.layers.geometry import Pair
from models.skeleton import KERNEL, skeleton
from models.task import Task

__all__ = ["conv_true"]


def conv_true(task: Task) -> nn.Module:
    """The network ``conv`` with true convolutions: it learns the other's kernels flipped.

    Initialisation: as ``conv``'s. The distribution does not change when kernels are flipped, so the
    two networks differ in nothing that training could see.

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return skeleton("conv_true", task, _layer)


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    del image  # tied: the same kernel at any size
    return Convolution2d(ins, outs, KERNEL, padding="same", true=True)

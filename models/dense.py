"""The ladder's first rung: order-4 dense layers, before any constraint."""

from __future__ import annotations

from typing import Final

from torch import nn

from models.arithmetic.costs import dense as dense_cost
from models.layers.dense import Dense2d
from models.layers.geometry import Pair
from models.skeleton import skeleton
from models.task import Task

__all__ = ["dense"]

_MOST_WEIGHTS: Final = 50_000_000  # of one layer: 200 MB in single precision, per member


def dense(task: Task) -> nn.Module:
    """The ladder's skeleton of order-4 dense layers, 8 and 16 channels.

    Initialisation: :class:`models.layers.dense.Dense2d`'s, that of torch.nn.Linear. Weights grow
    with the fourth power of the image's side: 65 thousand on 1×8×8 images, 9.8 million on 1×28×28,
    34 million on 3×32×32.

    Args:
        task: Sizes of the input and output; at least 4×4 pixels.

    Returns:
        A module mapping images [B, C, H, W] to logits [B, classes].
    """
    return skeleton("dense", task, _layer)


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    height, width = image
    weights = dense_cost(ins * height * width, outs * height * width).weights
    if weights > _MOST_WEIGHTS:
        raise ValueError(
            f"dense needs {weights:,} weights between {ins}×{height}×{width} and "
            f"{outs}×{height}×{width}, above its limit of {_MOST_WEIGHTS:,}; use smaller images, "
            "or local or conv, the same network with fewer weights"
        )
    return Dense2d(ins, outs, image, image)

"""What each layer of a network sees of the image, found by asking the network itself.

A pixel that is not a number makes every number computed from it one, so images with one such row
or column show which units depend on it, through any layers and branches. Letters in shapes:
C channels, H W image size, D I J channels and size of a layer's output.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from models.calls import watched
from models.task import Task

__all__ = ["Sight", "sights"]


@dataclass(frozen=True, eq=False)
class Sight:
    """What the units of a layer see along each axis; a unit sees row h and column w together.

    Attributes:
        rows: Whether a unit of row i sees image row h, [I, H] bool; I is 1 after flattening.
        columns: Whether a unit of column j sees image column w, [J, W] bool.
    """

    rows: Tensor
    columns: Tensor

    def field(self) -> tuple[range, range]:
        """Rows and columns of the image, first to last, that the unit in the middle sees."""
        return _extent(self.rows), _extent(self.columns)

    def use(self) -> Tensor:
        """How many of the layer's positions use each pixel, [H, W] int64."""
        return torch.outer(self.rows.sum(0), self.columns.sum(0))


@torch.no_grad()
def sights(network: nn.Module, task: Task) -> list[Sight | None]:
    """Sights of a network's layers, in the order in which they are called.

    Args:
        network: In evaluation mode, where no example's output depends on another's, and in double
            precision, for which torch has no kernel that computes by tiles of pixels and would
            spread a NaN over its tile.
        task: Sizes of the image.

    Returns:
        One for each call of a module without children; None where its output is not one row an
        example, as behind patches that were moved into the batch.
    """
    height, width = task.height, task.width
    images = torch.zeros(height + width, task.channels, height, width, dtype=torch.float64)
    for row in range(height):
        images[row, :, row] = torch.nan
    for column in range(width):
        images[height + column, :, :, column] = torch.nan
    found: list[Sight | None] = []

    def look(_: str, __: nn.Module, ___: Tensor, outputs: Tensor) -> None:
        if outputs.shape[:1] != images.shape[:1]:
            found.append(None)
            return
        seen = outputs.isnan()  # N, D, I, J, or without space, or N alone
        seen = seen.any(1) if seen.dim() == 4 else seen[:, None].flatten(1).any(1)[:, None, None]
        found.append(Sight(seen[:height].any(2).T, seen[height:].any(1).T))

    watched(network, images, look)
    return found


def _extent(seen: Tensor) -> range:
    inside = seen[len(seen) // 2].nonzero().flatten()
    return range(int(inside[0]), int(inside[-1]) + 1) if len(inside) else range(0)

"""The shape of a task: sizes of a network's input and output. Without torch, it imports fast."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Task"]


@dataclass(frozen=True)
class Task:
    """Shape of one example and number of classes of a data set.

    Attributes:
        channels: Colour channels C of an image.
        height: Image height H in pixels.
        width: Image width W in pixels.
        classes: Number of classes, the length of a network's output.
    """

    channels: int
    height: int
    width: int
    classes: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{name} is {value}; a task needs at least 1")

    @property
    def pixels(self) -> int:
        """Numbers in one example, C·H·W."""
        return self.channels * self.height * self.width

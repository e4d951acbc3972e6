"""How a window slides over an image: kernel, stride, dilation and padding along both axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from models.arithmetic.sizes import same_padding, split_padding
from models.arithmetic.windows import Window

__all__ = ["Geometry", "Padding", "Pair", "TotalPadding", "pair"]

Pair = tuple[int, int]


@dataclass(frozen=True)
class TotalPadding:
    """The notes' ph and pw: pixels of padding in all, split about half before and half after.

    An odd pixel goes after, as even kernels need.

    Attributes:
        height: Rows ph.
        width: Columns pw.
    """

    height: int
    width: int


Padding = int | Pair | TotalPadding | Literal["same"]
"""Pixels on each side: one number, (rows, columns), a total, or what keeps the size at stride 1."""


@dataclass(frozen=True)
class Geometry:
    """A window along both axes.

    Attributes:
        rows: The window along the height.
        columns: The window along the width.
    """

    rows: Window
    columns: Window

    @classmethod
    def of(
        cls, kernel: int | Pair, stride: int | Pair, dilation: int | Pair, padding: Padding
    ) -> Geometry:
        """Geometry from a layer's arguments.

        Args:
            kernel: Weights, one number or (rows, columns).
            stride: Pixels between positions, likewise.
            dilation: Pixels between weights, likewise.
            padding: Pixels of zeros around the image.

        Returns:
            The windows along height and width.

        Raises:
            ValueError: If a number is out of range.
        """
        kernels, strides, dilations = pair(kernel), pair(stride), pair(dilation)
        if min(*kernels, *strides, *dilations) < 1:
            raise ValueError(
                f"kernel {kernel}, stride {stride} and dilation {dilation} must be at least 1"
            )
        padded = _sides(padding, kernels, dilations)
        rows, columns = (
            Window(kernels[axis], strides[axis], *padded[axis], dilations[axis]) for axis in (0, 1)
        )
        return cls(rows, columns)

    @property
    def kernel(self) -> Pair:
        """Weights along height and width."""
        return self.rows.kernel, self.columns.kernel

    @property
    def stride(self) -> Pair:
        """Pixels between positions."""
        return self.rows.stride, self.columns.stride

    @property
    def dilation(self) -> Pair:
        """Pixels between weights."""
        return self.rows.dilation, self.columns.dilation

    @property
    def sides(self) -> tuple[int, int, int, int]:
        """Padding left, right, top and bottom, in the order of torch.nn.functional.pad."""
        return self.columns.before, self.columns.after, self.rows.before, self.rows.after

    def output_shape(self, height: int, width: int) -> Pair:
        """Positions along height and width; ValueError where the window does not fit."""
        return self.rows.output_size(height), self.columns.output_size(width)


def pair(value: int | Pair) -> Pair:
    """One number for both axes, or one for each."""
    return (value, value) if isinstance(value, int) else value


def _sides(padding: Padding, kernels: Pair, dilations: Pair) -> tuple[Pair, Pair]:
    """Pixels before and after, along height and along width."""
    if padding == "same":
        rows, columns = (same_padding(k, d) for k, d in zip(kernels, dilations, strict=True))
        return split_padding(rows), split_padding(columns)
    if isinstance(padding, TotalPadding):
        return split_padding(padding.height), split_padding(padding.width)
    rows, columns = pair(padding)
    return (rows, rows), (columns, columns)

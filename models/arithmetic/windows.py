"""A sliding window along one axis, as receptive fields and counts of use need it."""

from __future__ import annotations

from dataclasses import dataclass

from models.arithmetic.sizes import output_size, span

__all__ = ["Window"]


@dataclass(frozen=True)
class Window:
    """How a layer slides along one axis; output i reads pixels s·i + d·a − before, 0 ≤ a < k.

    Attributes:
        kernel: Weights k.
        stride: Pixels s between positions.
        before: Padding in front, in pixels.
        after: Padding behind, in pixels.
        dilation: Pixels d between weights.
    """

    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1

    def __post_init__(self) -> None:
        if min(self.kernel, self.stride, self.dilation) < 1 or min(self.before, self.after) < 0:
            raise ValueError(
                f"{self}: kernel, stride and dilation must be at least 1, padding at least 0"
            )

    @property
    def span(self) -> int:
        """Pixels from the first to the last weight."""
        return span(self.kernel, self.dilation)

    def output_size(self, size: int) -> int:
        """Positions that the window takes on ``size`` pixels; ValueError if it does not fit."""
        padding = self.before + self.after
        return output_size(size, self.kernel, self.stride, padding, self.dilation)

    def reads(self, position: int) -> range:
        """Pixels that an output reads, padding (below 0 or past the end) included."""
        first = self.stride * position - self.before
        return range(first, first + self.span, self.dilation)

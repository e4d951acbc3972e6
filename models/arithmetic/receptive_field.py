"""What a unit of a stack of layers sees of the image, along one axis (distill.pub 2019/00021)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from models.arithmetic.windows import Window

__all__ = ["ReceptiveField", "receptive_field"]


@dataclass(frozen=True)
class ReceptiveField:
    """Receptive fields of a layer's units: unit i sees pixels start + jump·i and size − 1 more.

    Attributes:
        size: Pixels from the first to the last seen, r.
        jump: Pixels between the fields of neighbouring units, j.
        start: First pixel that unit 0 sees; negative where it sees padding.
    """

    size: int = 1
    jump: int = 1
    start: int = 0

    def extent(self, unit: int) -> range:
        """Pixels from the first to the last that a unit sees, padding included."""
        first = self.start + self.jump * unit
        return range(first, first + self.size)

    def centre(self, unit: int) -> float:
        """Middle of a unit's field, in pixels; between two pixels where the size is even."""
        return self.start + self.jump * unit + (self.size - 1) / 2


def receptive_field(windows: Iterable[Window]) -> ReceptiveField:
    """Fold a stack of windows: r ← r + (span − 1)·j, start ← start − before·j, j ← j·s.

    A gap that a dilation leaves counts as seen: the field is the extent, not the set of pixels.

    Args:
        windows: Of the layers along one axis, from the image upwards.

    Returns:
        The fields of the last layer's units; the image's own pixels without any window.
    """
    field = ReceptiveField()
    for window in windows:
        field = ReceptiveField(
            size=field.size + (window.span - 1) * field.jump,
            jump=field.jump * window.stride,
            start=field.start - window.before * field.jump,
        )
    return field

"""How many outputs use each pixel, along one axis.

Windows slide along both axes independently, so the outputs that use pixel (k, l) of an image are
the product of the counts along the two axes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from models.arithmetic.windows import Window

__all__ = ["pixel_use"]


def pixel_use(size: int, windows: Sequence[Window]) -> tuple[int, ...]:
    """Number of outputs of a stack of layers that use each pixel.

    One window of k weights at stride 1 without padding uses the first pixel once and pixels past
    the border k times; that is the notes' remark on underused corners, once each.

    Args:
        size: Pixels along the axis.
        windows: Of the layers along it, from the image upwards.

    Returns:
        Outputs of the last layer, by pixel.
    """
    seen = [frozenset((pixel,)) for pixel in range(size)]  # pixels behind each unit of a layer
    for window in windows:
        count = window.output_size(len(seen))
        reads = [[k for k in window.reads(i) if 0 <= k < len(seen)] for i in range(count)]
        seen = [frozenset[int]().union(*(seen[k] for k in inside)) for inside in reads]
    uses = Counter(pixel for unit in seen for pixel in unit)
    return tuple(uses[pixel] for pixel in range(size))

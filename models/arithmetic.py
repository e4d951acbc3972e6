"""Sizes that a sliding window makes: output sizes and padding (arXiv 1603.07285)."""

from __future__ import annotations

__all__ = ["output_size", "split_padding"]


def output_size(size: int, kernel: int, stride: int = 1, padding: int = 0) -> int:
    """Positions that a window of ``kernel`` takes along one axis, ⌊(n − k + p)/s⌋ + 1.

    Args:
        size: Input size n along the axis, in pixels.
        kernel: Window size k, in pixels.
        stride: Distance s between positions, in pixels.
        padding: Total padding p, both ends together, in pixels.

    Returns:
        Output size along the axis, at least 1.

    Raises:
        ValueError: If an argument is out of range, or the window exceeds the padded input.
    """
    if size < 1 or kernel < 1 or stride < 1 or padding < 0:
        raise ValueError(
            f"size {size}, kernel {kernel} and stride {stride} must be at least 1, "
            f"padding {padding} at least 0"
        )
    if kernel > size + padding:
        raise ValueError(
            f"kernel {kernel} exceeds the padded input of {size} + {padding} pixels; "
            "use a smaller kernel or more padding"
        )
    return (size - kernel + padding) // stride + 1


def split_padding(total: int) -> tuple[int, int]:
    """Split total padding "about half" before and half after; an odd pixel goes after.

    Args:
        total: Pixels to add along one axis.

    Returns:
        Pixels before and after.

    Raises:
        ValueError: If ``total`` is negative.
    """
    if total < 0:
        raise ValueError(f"total padding is {total}; it must be at least 0")
    return total // 2, total - total // 2

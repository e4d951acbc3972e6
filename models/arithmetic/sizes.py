"""Sizes that a sliding window makes: output sizes and padding (arXiv 1603.07285)."""

from __future__ import annotations

__all__ = ["output_size", "same_padding", "span", "split_padding", "transposed_size"]


def output_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Positions that a window takes along one axis, ⌊(n − d(k − 1) − 1 + p)/s⌋ + 1.

    Args:
        size: Input size n along the axis, in pixels.
        kernel: Window size k, in weights.
        stride: Distance s between positions, in pixels.
        padding: Total padding p, both ends together, in pixels.
        dilation: Distance d between the window's weights, in pixels.

    Returns:
        Output size along the axis, at least 1.

    Raises:
        ValueError: If an argument is out of range, or the window exceeds the padded input.
    """
    _check(size, kernel, stride, padding, dilation)
    if (spanned := span(kernel, dilation)) > size + padding:
        dilated = f" (dilated to {spanned} pixels)" if dilation > 1 and kernel > 1 else ""
        raise ValueError(
            f"kernel {kernel}{dilated} exceeds the padded input of {size} + {padding} pixels; "
            "use a smaller kernel or more padding"
        )
    return (size - spanned + padding) // stride + 1


def transposed_size(
    size: int,
    kernel: int,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    output_padding: int = 0,
) -> int:
    """Output size of a transposed convolution, (n − 1)s − p + d(k − 1) + 1 + o.

    It is the size of input from which :func:`output_size` makes n. Where s > 1 there are s such
    sizes, and the output padding o says which.

    Args:
        size: Input size n along the axis, in pixels.
        kernel: Window size k, in weights.
        stride: Distance s between the input's pixels after padding between them.
        padding: Total padding p of the convolution that this one transposes.
        dilation: Distance d between the window's weights, in pixels.
        output_padding: Pixels o added at the far end, fewer than the stride or the dilation.

    Returns:
        Output size along the axis, at least 1.

    Raises:
        ValueError: If an argument is out of range, or nothing is left of the output.
    """
    _check(size, kernel, stride, padding, dilation)
    if not 0 <= output_padding < max(stride, dilation):
        raise ValueError(
            f"output padding {output_padding} must be at least 0 and below the stride {stride} or "
            f"the dilation {dilation}; a larger one asks for pixels that no window wrote"
        )
    made = (size - 1) * stride - padding + span(kernel, dilation) + output_padding
    if made < 1:
        raise ValueError(
            f"padding {padding} removes all of the {made + padding} pixels that kernel {kernel} "
            "makes; use less padding"
        )
    return made


def span(kernel: int, dilation: int = 1) -> int:
    """Pixels from the first to the last weight of a window, d(k − 1) + 1."""
    return dilation * (kernel - 1) + 1


def same_padding(kernel: int, dilation: int = 1) -> int:
    """Total padding that keeps the size at stride 1, d(k − 1): the notes' ``ph = kh - 1``."""
    return span(kernel, dilation) - 1


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


def _check(size: int, kernel: int, stride: int, padding: int, dilation: int) -> None:
    if min(size, kernel, stride, dilation) < 1 or padding < 0:
        raise ValueError(
            f"size {size}, kernel {kernel}, stride {stride} and dilation {dilation} must be at "
            f"least 1, padding {padding} at least 0"
        )

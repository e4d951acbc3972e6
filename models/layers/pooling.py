"""Max pooling that is fast on a CPU.

Letters in shapes: B batch, C channels, H W input size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MaxPool2d"]


class MaxPool2d(nn.MaxPool2d):
    """As `torch.nn.MaxPool2d`, to the last bit, for windows of 2×2 pixels beside each other.

    torch's kernel for images that lie channel by channel compares pixel by pixel, as it looks for
    where the largest one is, too. Only a gradient needs that; without one slices are compared, many
    pixels at once. Images that lie with the batch last, as
    :class:`~models.layers.local.LocallyConnected2d` gives them, are pooled as they lie, by torch's
    kernel for channels that come last, and stay so.

    Before a rectifier rather than after it, pooling leaves a quarter of the numbers to rectify: the
    largest of rectified pixels is the rectified largest, and where it is zero no gradient passes in
    either order.

    Source: Yamaguchi et al. 1990, "A neural network for speaker-independent isolated word
    recognition".
    """

    def __init__(self) -> None:
        super().__init__(2)

    def forward(self, input: Tensor) -> Tensor:
        """Largest pixel of every window; an odd last row or column is left out.

        Args:
            input: Images [B, C, H, W].

        Returns:
            Images [B, C, ⌊H/2⌋, ⌊W/2⌋].
        """
        height, width = (size // 2 * 2 for size in input.shape[-2:])
        small = not height or not width  # torch says what is wrong with it
        if small or torch.compiler.is_compiling():
            return functional.max_pool2d(input, 2)
        if torch.is_grad_enabled():
            batch_last = input.dim() == 4 and input.stride(0) < input.stride(1)
            return _batch_last(input) if batch_last else functional.max_pool2d(input, 2)
        rows = torch.maximum(input[..., 0:height:2, :width], input[..., 1:height:2, :width])
        return torch.maximum(rows[..., 0::2], rows[..., 1::2])


def _batch_last(images: Tensor) -> Tensor:
    """The same of one image [1, C·B, H, W] whose channels lie last, which copies nothing."""
    batch, channels, height, width = images.shape
    flat = images.permute(2, 3, 1, 0).reshape(1, height, width, channels * batch)
    pooled = functional.max_pool2d(flat.permute(0, 3, 1, 2), 2)
    pixels = pooled.permute(0, 2, 3, 1).reshape(height // 2, width // 2, channels, batch)
    return pixels.permute(3, 2, 0, 1)

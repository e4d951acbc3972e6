"""Max pooling whose evaluations are fast on a CPU."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MaxPool2d"]


class MaxPool2d(nn.MaxPool2d):
    """As `torch.nn.MaxPool2d`, to the last bit, for windows of 2×2 pixels beside each other.

    torch's kernel for images that lie channel by channel compares pixel by pixel, as it looks for
    where the largest one is, too. Only a gradient needs that; without one slices are compared, many
    pixels at once.

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
        if small or torch.is_grad_enabled() or torch.compiler.is_compiling():
            return functional.max_pool2d(input, 2)
        rows = torch.maximum(input[..., 0:height:2, :width], input[..., 1:height:2, :width])
        return torch.maximum(rows[..., 0::2], rows[..., 1::2])

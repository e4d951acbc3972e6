"""The convolution layer of the derivation: weights tied over positions, and local.

Letters in shapes: B batch, C input channels, D output channels, H W input size, I J output size,
K L kernel size.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from models.arithmetic import output_size, split_padding

__all__ = ["Backend", "Convolution2d", "correlate"]

Backend = Literal["direct", "unfold", "aten"]
Pair = tuple[int, int]


class Convolution2d(nn.Module):
    """Multi-channel cross-correlation with padding and stride.

    H[i,j,d] = u[d] + Σ_a Σ_b Σ_c V[a,b,c,d] · X[s·i+a, s·j+b, c], X padded with zeros: what deep
    learning calls a convolution. It follows from a dense layer by tying the weights over positions
    and keeping a and b within a window (README, "Where the layers come from").

    Weights and bias start uniform in ±1/√(C·K·L), as torch.nn.Conv2d's do (He et al. 2015,
    arXiv 1502.01852, with a = √5), so that a comparison with it is one of layers.

    Args:
        in_channels: C.
        out_channels: D.
        kernel: Window size in pixels, one number or (K, L).
        stride: Distance between positions in pixels, one number or (height, width).
        padding: ``"same"`` keeps the input's size at stride 1; otherwise *total* pixels of zeros
            per axis, one number or (height, width), split about half before and half after: even
            kernels make it uneven.
        backend: ``direct`` is the equation as written, ``unfold`` one matrix product over
            gathered windows, ``aten`` torch's kernel. All compute the same layer.

    Raises:
        ValueError: If a size is out of range.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        padding: int | Pair | Literal["same"] = 0,
        backend: Backend = "aten",
    ) -> None:
        super().__init__()
        self.kernel = _pair(kernel)
        self.stride = _pair(stride)
        if min(in_channels, out_channels, *self.kernel, *self.stride) < 1:
            raise ValueError("channels, kernel and stride must be at least 1")
        total = (self.kernel[0] - 1, self.kernel[1] - 1) if padding == "same" else _pair(padding)
        self.padding: tuple[Pair, Pair] = (split_padding(total[0]), split_padding(total[1]))
        self.backend: Backend = backend
        bound = 1 / math.sqrt(in_channels * self.kernel[0] * self.kernel[1])
        self.weight = nn.Parameter(
            torch.empty(out_channels, in_channels, *self.kernel).uniform_(-bound, bound)
        )
        self.bias = nn.Parameter(torch.empty(out_channels).uniform_(-bound, bound))

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        (top, bottom), (left, right) = self.padding
        if self.backend == "aten" and top == bottom and left == right:
            return F.conv2d(images, self.weight, self.bias, self.stride, (top, left))
        padded = F.pad(images, (left, right, top, bottom))
        return correlate(padded, self.weight, self.bias, self.stride, self.backend)

    def output_shape(self, height: int, width: int) -> Pair:
        """Height I and width J that an input of ``height`` × ``width`` pixels is mapped to."""
        tall, wide = (
            output_size(size, kernel, stride, sum(padding))
            for size, kernel, stride, padding in zip(
                (height, width), self.kernel, self.stride, self.padding, strict=True
            )
        )
        return tall, wide


def correlate(
    images: Tensor, weight: Tensor, bias: Tensor, stride: Pair, backend: Backend
) -> Tensor:
    """Cross-correlate padded images [B, C, H, W] with weight [D, C, K, L], giving [B, D, I, J]."""
    return _BACKENDS[backend](images, weight, bias, stride)


def _direct(images: Tensor, weight: Tensor, bias: Tensor, stride: Pair) -> Tensor:
    """The equation as written: one sum over channels for each offset (a, b) of the window."""
    (tall, wide), (down, right) = _positions(images, weight, stride), stride
    hidden: Tensor = bias[:, None, None]
    for a in range(weight.shape[-2]):
        for b in range(weight.shape[-1]):
            rows = slice(a, a + (tall - 1) * down + 1, down)
            columns = slice(b, b + (wide - 1) * right + 1, right)
            seen = images[..., rows, columns]
            term: Tensor = torch.einsum("bcij,dc->bdij", seen, weight[..., a, b])
            hidden = hidden + term
    return hidden


def _unfold(images: Tensor, weight: Tensor, bias: Tensor, stride: Pair) -> Tensor:
    """Im2col (Chellapilla et al. 2006): gather every window, then one matrix product."""
    tall, wide = _positions(images, weight, stride)
    windows = F.unfold(images, weight.shape[-2:], stride=stride)  # B, C·K·L, I·J
    hidden = weight.flatten(1) @ windows + bias[:, None]
    return hidden.reshape(*hidden.shape[:-1], tall, wide)


def _aten(images: Tensor, weight: Tensor, bias: Tensor, stride: Pair) -> Tensor:
    return F.conv2d(images, weight, bias, stride)


_BACKENDS: Final[dict[Backend, Callable[[Tensor, Tensor, Tensor, Pair], Tensor]]] = {
    "direct": _direct,
    "unfold": _unfold,
    "aten": _aten,
}


def _positions(images: Tensor, weight: Tensor, stride: Pair) -> Pair:
    return (
        output_size(images.shape[-2], weight.shape[-2], stride[0]),
        output_size(images.shape[-1], weight.shape[-1], stride[1]),
    )


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else value

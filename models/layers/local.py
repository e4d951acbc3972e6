"""The locally connected layer: a window at each position, with weights of its own.

Letters in shapes: B batch, C input channels, D output channels, H W input size, I J output size,
K L kernel size.
"""

from __future__ import annotations

import math

import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from models.layers.convolution import check_channels
from models.layers.geometry import Geometry, Padding, Pair
from models.layers.initialisation import uniform_parameters
from models.layers.products import product

__all__ = ["LocallyConnected2d"]


class LocallyConnected2d(nn.Module):
    """H[i,j,d] = U[i,j,d] + Σ_a Σ_b Σ_c V[i,j,d,a,b,c] · X[s·i+δ·a, s·j+δ·b, c], zeros around X.

    The re-indexed dense layer with a and b kept within a window, and not tied: local without
    sharing (LeCun 1989, "Generalization and network design strategies", net 3). Offsets count from
    the window's corner, as in :class:`~models.layers.convolution.Convolution2d`. A window that
    covers the image from every position is the notes' re-indexed form of the whole dense layer.

    Weights and biases start uniform in ±1/√(C·K·L).

    Args:
        in_channels: C.
        out_channels: D.
        image: Input size (H, W).
        kernel: Weights along an axis, one number or (K, L).
        stride: Pixels s between positions, one number or (rows, columns).
        dilation: Pixels δ between weights, likewise.
        padding: Pixels of zeros around the image.

    Attributes:
        weight: V, [D, I, J, C, K, L].
        bias: U, [D, I, J].

    Raises:
        ValueError: If a size is out of range, or the window exceeds the padded image.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image: Pair,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        dilation: int | Pair = 1,
        padding: Padding = 0,
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, 1)
        self.geometry = Geometry.of(kernel, stride, dilation, padding)
        self.in_channels, self.out_channels, self.image = in_channels, out_channels, image
        self.hidden = self.geometry.output_shape(*image)
        places = (out_channels, *self.hidden)
        window = (in_channels, *self.geometry.kernel)
        self.weight, self.bias = uniform_parameters(math.prod(window), (*places, *window), places)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        (left, right, top, bottom), rows, columns = (
            self.geometry.sides,
            self.geometry.rows,
            self.geometry.columns,
        )
        # With the batch last, windows are gathered in runs, and each position is one matrix
        # product, [I·J, D, C·K·L] times [I·J, C·K·L, B].
        padded = F.pad(images.permute(1, 2, 3, 0), (0, 0, left, right, top, bottom))
        windows = padded.unfold(1, rows.span, rows.stride).unfold(2, columns.span, columns.stride)
        dilated = windows[..., :: rows.dilation, :: columns.dilation]  # C, I, J, B, K, L
        positions, inputs = math.prod(self.hidden), math.prod(self.weight.shape[3:])
        gathered = dilated.permute(1, 2, 0, 4, 5, 3).reshape(positions, inputs, -1)
        kernels = self.weight.reshape(self.out_channels, positions, inputs)
        hidden = product(kernels.permute(1, 0, 2), gathered)  # I·J, D, B
        return hidden.permute(2, 1, 0).reshape(-1, self.out_channels, *self.hidden) + self.bias

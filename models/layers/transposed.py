"""The transposed convolution, the notes' fractional stride: padding between pixels.

Letters in shapes: B batch, C input channels, D output channels, H W input size, K L kernel size.
"""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from models.arithmetic.sizes import transposed_size
from models.layers.backends import Backend, correlate, grouped, spread
from models.layers.convolution import check_channels
from models.layers.geometry import Geometry, Padding, Pair, pair
from models.layers.initialisation import uniform_parameters

__all__ = ["TransposedConvolution2d"]


class TransposedConvolution2d(nn.Module):
    """The transpose of a convolution's matrix, as a convolution (arXiv 1603.07285, section 4).

    Put s − 1 zeros between neighbouring pixels, pad by what the other convolution's padding leaves
    of its window, δ(k − 1) − p on each side, and cross-correlate at stride 1 with the flipped
    kernel. A window thus moves 1/s of a pixel at a time.

    Weights have torch's layout [C, D/g, K, L] and start, with the bias, uniform in ±1/√(D/g·K·L),
    as torch.nn.ConvTranspose2d's do.

    Args:
        in_channels: C.
        out_channels: D.
        kernel: Weights along an axis, one number or (K, L).
        stride: Stride s of the convolution that it transposes, one number or (rows, columns).
        dilation: Pixels δ between weights, likewise.
        groups: Parts g of the channels that see only each other.
        padding: Padding p of the convolution that it transposes, removed here.
        output_padding: Pixels added at the bottom and right, fewer than stride or dilation: of the
            s sizes that the strided convolution maps to one, the choice.
        backend: How it is computed, see :class:`~models.layers.convolution.Convolution2d`.

    Raises:
        ValueError: If a size is out of range, or groups don't divide the channels.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | Pair,
        *,
        stride: int | Pair = 1,
        dilation: int | Pair = 1,
        groups: int = 1,
        padding: Padding = 0,
        output_padding: int | Pair = 0,
        backend: Backend = "aten",
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, groups)
        self.geometry = Geometry.of(kernel, stride, dilation, padding)
        self.output_padding = pair(output_padding)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.backend: Backend = backend
        shape = (in_channels, out_channels // groups, *self.geometry.kernel)
        inputs = shape[1] * shape[2] * shape[3]
        self.weight, self.bias = uniform_parameters(inputs, shape, (out_channels,))

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        self.output_shape(images.shape[-2], images.shape[-1])  # refuses what leaves nothing
        rows, columns = self.geometry.rows, self.geometry.columns
        down, right = self.output_padding
        padded = F.pad(  # negative numbers cut off: the padding may exceed the window
            spread(images, self.geometry.stride),
            (
                columns.span - 1 - columns.before,
                columns.span - 1 - columns.after + right,
                rows.span - 1 - rows.before,
                rows.span - 1 - rows.after + down,
            ),
        )
        swapped = grouped(self.weight, 0, self.groups).transpose(1, 2).flatten(0, 1)
        unit = Geometry.of(self.geometry.kernel, 1, self.geometry.dilation, 0)
        return correlate(padded, swapped.flip(-2, -1), self.bias, unit, self.groups, self.backend)

    def output_shape(self, height: int, width: int) -> Pair:
        """Size that an input of ``height`` × ``width`` pixels is mapped to."""
        tall, wide = (
            transposed_size(
                size, w.kernel, w.stride, w.before + w.after, w.dilation, self.output_padding[i]
            )
            for i, (size, w) in enumerate((
                (height, self.geometry.rows),
                (width, self.geometry.columns),
            ))
        )
        return tall, wide

"""The globally tied layer: one weight for each offset, over the whole image.

Letters in shapes: B batch, C input channels, D output channels, H W input size, I J output size.
"""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor, nn

from models.layers.backends import correlate
from models.layers.geometry import Geometry, Pair
from models.layers.initialisation import uniform_parameters

__all__ = ["GloballyTied2d", "toeplitz"]

_MATRIX: int = 1 << 22  # numbers; the matrix of a larger layer is not worth writing out


class GloballyTied2d(nn.Module):
    """H[i,j,d] = u[d] + Σ_a Σ_b Σ_c V[a,b,c,d] · X[i+a, j+b, c], over all i+a, j+b in the image.

    The step between the dense layer and the convolution: translation-equivariant, not yet local.
    An offset a runs from −(I−1) to H−1. Each position meets the image at other offsets, so hidden
    units differ, unlike the notes say (docs/layers.md).

    Weights start uniform in ±1/√(C·H·W), by the inputs that one unit weighs.

    Args:
        in_channels: C.
        out_channels: D.
        image: Input size (H, W).
        hidden: Output size (I, J).
        backend: ``toeplitz`` writes the dense matrix out and multiplies once; ``fft`` never holds
            it. By default small layers, of at most 2²² products, do the first.

    Attributes:
        weight: V, [D, C, I+H−1, J+W−1]; the first offset is −(I−1), −(J−1).
        bias: u, [D].

    Raises:
        ValueError: If a size is below 1.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        image: Pair,
        hidden: Pair,
        *,
        backend: Literal["toeplitz", "fft"] | None = None,
    ) -> None:
        super().__init__()
        if min(in_channels, out_channels, *image, *hidden) < 1:
            raise ValueError(
                f"channels {in_channels} and {out_channels}, image {image} and hidden size "
                f"{hidden} must be at least 1"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.image, self.hidden = image, hidden
        inputs = in_channels * image[0] * image[1]
        products = inputs * out_channels * hidden[0] * hidden[1]
        self.backend = backend or ("toeplitz" if products <= _MATRIX else "fft")
        offsets = (hidden[0] + image[0] - 1, hidden[1] + image[1] - 1)
        shape = (out_channels, in_channels, *offsets)
        self.weight, self.bias = uniform_parameters(inputs, shape, (out_channels,))
        margin = (hidden[0] - 1, hidden[1] - 1)
        self._geometry = Geometry.of(offsets, 1, 1, margin)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        if self.backend == "fft":
            return correlate(images, self.weight, self.bias, self._geometry, 1, "fft")
        matrix = toeplitz(self.weight, self.image).flatten(3).flatten(0, 2)
        hidden = F.linear(images.flatten(1), matrix)
        hidden = hidden.reshape(-1, self.out_channels, *self.hidden)
        return hidden + self.bias[:, None, None]


def toeplitz(weight: Tensor, image: Pair) -> Tensor:
    """The dense layer's W[d,i,j,c,k,l] = V[d,c,k−i,l−j]: a constant along each diagonal.

    Args:
        weight: V, [D, C, I+H−1, J+W−1].
        image: Input size (H, W).

    Returns:
        W, [D, I, J, C, H, W].
    """
    # The row of hidden pixel i is the window of V that starts at offset −i, hence the flip.
    windows = weight.unfold(2, image[0], 1).unfold(3, image[1], 1).flip(2, 3)
    return windows.permute(0, 2, 3, 1, 4, 5)

"""The order-4 dense layer, where the derivation starts: every hidden pixel weighs every pixel.

Letters in shapes: B batch, C input channels, D output channels, H W input size, I J output size.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.layers.geometry import Pair
from models.layers.initialisation import uniform_parameters
from models.layers.products import product

__all__ = ["Dense2d"]


class Dense2d(nn.Module):
    """H[i,j,d] = U[i,j,d] + Σ_k Σ_l Σ_c W[i,j,d,k,l,c] · X[k,l,c].

    The notes' fully connected layer between images, W of order 4 and two more for channels. It is
    torch.nn.Linear between flattened images, and starts like it: uniform in ±1/√(C·H·W).

    Args:
        in_channels: C.
        out_channels: D.
        image: Input size (H, W).
        hidden: Output size (I, J).

    Attributes:
        weight: W, [D, I, J, C, H, W].
        bias: U, [D, I, J].

    Raises:
        ValueError: If a size is below 1.
    """

    def __init__(self, in_channels: int, out_channels: int, image: Pair, hidden: Pair) -> None:
        super().__init__()
        if min(in_channels, out_channels, *image, *hidden) < 1:
            raise ValueError(
                f"channels {in_channels} and {out_channels}, image {image} and hidden size "
                f"{hidden} must be at least 1"
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.image, self.hidden = image, hidden
        places = (out_channels, *hidden)
        inputs = (in_channels, *image)
        count = in_channels * image[0] * image[1]
        self.weight, self.bias = uniform_parameters(count, (*places, *inputs), places)

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        # In this order the weights' gradient is a product that lies as they do, which updating them
        # takes a third of the time with, and images come out with the batch last, which pool fast.
        matrix = self.weight.flatten(3).flatten(0, 2)
        hidden = product(matrix, images.flatten(1).T)  # D·I·J, B
        return hidden.T.reshape(-1, self.out_channels, *self.hidden) + self.bias

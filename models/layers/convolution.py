"""The convolution of the derivation: weights tied over positions, and local.

Letters in shapes: B batch, C input channels, D output channels, H W input size, I J output size,
K L kernel size.
"""

from __future__ import annotations

from torch import Tensor, nn

from models.layers.backends import Backend, correlate
from models.layers.geometry import Geometry, Padding, Pair
from models.layers.initialisation import uniform_parameters

__all__ = ["Convolution2d", "check_channels"]


class Convolution2d(nn.Module):
    """Multi-channel cross-correlation: what deep learning calls a convolution.

    H[i,j,d] = u[d] + Σ_a Σ_b Σ_c V[a,b,c,d] · X[s·i+δ·a, s·j+δ·b, c], X padded with zeros. It
    follows from a dense layer by tying the weights over positions and keeping a and b within a
    window (docs/layers.md derives it). Offsets count from the window's corner; with padding Δ a
    kernel of 2Δ + 1 has the notes' a and b within ±Δ.

    Weights and bias start uniform in ±1/√(C/g·K·L), as torch.nn.Conv2d's do.

    Args:
        in_channels: C.
        out_channels: D.
        kernel: Weights along an axis, one number or (K, L).
        stride: Pixels s between positions, one number or (rows, columns).
        dilation: Pixels δ between weights, likewise.
        groups: Parts g of the channels that see only each other.
        padding: Pixels of zeros on each side, one number or (rows, columns), as in torch; a
            :class:`~models.layers.geometry.TotalPadding`, split about half before and half after;
            or ``"same"``, which keeps the size at stride 1.
        true: Compute the true convolution, with X[s·i−δ·a, ...]: the same layer with its kernel
            flipped.
        backend: How it is computed (:func:`models.layers.backends.correlate`); all are the same
            layer. Torch's kernel is the fastest.

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
        true: bool = False,
        backend: Backend = "aten",
    ) -> None:
        super().__init__()
        check_channels(in_channels, out_channels, groups)
        self.geometry = Geometry.of(kernel, stride, dilation, padding)
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.true = true
        self.backend: Backend = backend
        shape = (out_channels, in_channels // groups, *self.geometry.kernel)
        inputs = shape[1] * shape[2] * shape[3]
        self.weight, self.bias = uniform_parameters(inputs, shape, (out_channels,))

    @property
    def kernel(self) -> Tensor:
        """V of the cross-correlation that is computed, [D, C/g, K, L]."""
        return self.weight.flip(-2, -1) if self.true else self.weight

    def forward(self, images: Tensor) -> Tensor:
        """Map images [B, C, H, W] to hidden representations [B, D, I, J]."""
        return correlate(images, self.kernel, self.bias, self.geometry, self.groups, self.backend)

    def extra_repr(self) -> str:
        """What torch prints between the brackets."""
        return f"{self.in_channels}, {self.out_channels}, {self.geometry}, groups={self.groups}"


def check_channels(in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse numbers of channels that no layer has.

    Args:
        in_channels: C.
        out_channels: D.
        groups: Parts of both.

    Raises:
        ValueError: If one is below 1, or groups don't divide both numbers of channels.
    """
    if min(in_channels, out_channels, groups) < 1:
        raise ValueError(
            f"in_channels {in_channels}, out_channels {out_channels} and groups {groups} must be "
            "at least 1"
        )
    if in_channels % groups or out_channels % groups:
        raise ValueError(
            f"{groups} groups do not divide {in_channels} input and {out_channels} output "
            "channels; choose a number that divides both"
        )

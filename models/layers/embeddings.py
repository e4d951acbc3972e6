"""The derivation backwards: each constrained layer as the freer one it came from, same outputs.

Letters in shapes: C input channels, D output channels, H W input size, I J output size, K L kernel
size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from models.arithmetic.windows import Window
from models.layers.backends import grouped
from models.layers.convolution import Convolution2d
from models.layers.dense import Dense2d
from models.layers.geometry import Pair, TotalPadding
from models.layers.local import LocallyConnected2d
from models.layers.tied import GloballyTied2d, toeplitz

__all__ = [
    "dense_from_local",
    "dense_from_tied",
    "local_from_convolution",
    "local_from_dense",
    "reindexed",
    "restored",
    "tied_from_convolution",
]


def reindexed(weight: Tensor) -> Tensor:
    """V[i,j,a,b] = W[i,j,i+a,j+b]: the same numbers by offset rather than by pixel.

    Offsets a run from −(I−1) to H−1 and b from −(J−1) to W−1; where i+a or j+b leaves the image
    there is no weight, and V is 0.

    Args:
        weight: W, [D, I, J, C, H, W].

    Returns:
        V, [D, I, J, C, I+H−1, J+W−1].
    """
    _, tall, wide, _, height, width = weight.shape
    offsets = weight.new_zeros(*weight.shape[:4], tall + height - 1, wide + width - 1)
    for i in range(tall):
        for j in range(wide):
            offsets[:, i, j, :, tall - 1 - i :, wide - 1 - j :][..., :height, :width] = weight[
                :, i, j
            ]
    return offsets


def restored(offsets: Tensor, image: Pair) -> Tensor:
    """W[i,j,k,l] = V[i,j,k−i,l−j]: the inverse of :func:`reindexed`.

    Args:
        offsets: V, [D, I, J, C, I+H−1, J+W−1].
        image: Input size (H, W).

    Returns:
        W, [D, I, J, C, H, W].
    """
    _, tall, wide = offsets.shape[:3]
    height, width = image
    rows = [
        torch.stack(
            [
                offsets[:, i, j, :, tall - 1 - i :, wide - 1 - j :][..., :height, :width]
                for j in range(wide)
            ],
            dim=1,
        )
        for i in range(tall)
    ]
    return torch.stack(rows, dim=1)


@torch.no_grad()
def local_from_dense(layer: Dense2d) -> LocallyConnected2d:
    """A dense layer in its re-indexed form: a window that covers the image from everywhere."""
    tall, wide = layer.hidden
    kernel = (tall + layer.image[0] - 1, wide + layer.image[1] - 1)
    margin = TotalPadding(2 * (tall - 1), 2 * (wide - 1))
    made = LocallyConnected2d(
        layer.in_channels, layer.out_channels, layer.image, kernel, padding=margin
    ).to(layer.weight)
    made.weight.copy_(reindexed(layer.weight))
    made.bias.copy_(layer.bias)
    return made


@torch.no_grad()
def dense_from_local(layer: LocallyConnected2d) -> Dense2d:
    """A locally connected layer as a dense one, with zeros outside each window."""
    made = Dense2d(layer.in_channels, layer.out_channels, layer.image, layer.hidden)
    made = made.to(layer.weight)
    made.weight.zero_()
    made.bias.copy_(layer.bias)
    rows, columns = layer.geometry.rows, layer.geometry.columns
    for i, k, a in _meetings(rows, layer.hidden[0], layer.image[0]):
        for j, m, b in _meetings(columns, layer.hidden[1], layer.image[1]):
            made.weight[:, i, j, :, k, m] = layer.weight[:, i, j, :, a, b]
    return made


@torch.no_grad()
def dense_from_tied(layer: GloballyTied2d) -> Dense2d:
    """A globally tied layer as a dense one, with the same numbers along each diagonal."""
    made = Dense2d(layer.in_channels, layer.out_channels, layer.image, layer.hidden)
    made = made.to(layer.weight)
    made.weight.copy_(toeplitz(layer.weight, layer.image))
    made.bias.copy_(layer.bias[:, None, None].expand_as(made.bias))
    return made


@torch.no_grad()
def local_from_convolution(layer: Convolution2d, image: Pair) -> LocallyConnected2d:
    """A convolution as a locally connected layer with the same kernel everywhere.

    Args:
        layer: Any convolution; groups become zeros between channels.
        image: Input size (H, W).

    Returns:
        A layer with the same outputs on images of that size.
    """
    geometry = layer.geometry
    left, right, top, bottom = geometry.sides
    made = LocallyConnected2d(
        layer.in_channels,
        layer.out_channels,
        image,
        geometry.kernel,
        stride=geometry.stride,
        dilation=geometry.dilation,
        padding=TotalPadding(top + bottom, left + right),
    ).to(layer.weight)
    made.weight.copy_(_ungrouped(layer)[:, None, None].expand_as(made.weight))
    made.bias.copy_(layer.bias[:, None, None].expand_as(made.bias))
    return made


@torch.no_grad()
def tied_from_convolution(layer: Convolution2d, image: Pair) -> GloballyTied2d:
    """A convolution as a globally tied layer, with zeros at the offsets its window doesn't hold.

    Args:
        layer: A convolution of stride 1.
        image: Input size (H, W).

    Returns:
        A layer with the same outputs on images of that size.

    Raises:
        ValueError: If the stride is not 1: positions s pixels apart share no offsets i + a.
    """
    if layer.geometry.stride != (1, 1):
        raise ValueError(
            f"a convolution of stride {layer.geometry.stride} is not globally tied; "
            "embed it in a locally connected layer"
        )
    hidden = layer.geometry.output_shape(*image)
    made = GloballyTied2d(layer.in_channels, layer.out_channels, image, hidden).to(layer.weight)
    made.weight.zero_()
    made.bias.copy_(layer.bias)
    kernel = _ungrouped(layer)
    for a, row in _offsets(layer.geometry.rows, hidden[0], made.weight.shape[2]):
        for b, column in _offsets(layer.geometry.columns, hidden[1], made.weight.shape[3]):
            made.weight[:, :, row, column] = kernel[:, :, a, b]
    return made


def _meetings(window: Window, positions: int, size: int) -> list[tuple[int, int, int]]:
    """Where output i meets pixel k with weight a, along one axis, inside the image."""
    return [
        (i, k, a) for i in range(positions) for a, k in enumerate(window.reads(i)) if 0 <= k < size
    ]


def _offsets(window: Window, positions: int, count: int) -> list[tuple[int, int]]:
    """Place of each weight among all offsets; those that only ever meet padding have none."""
    places = ((a, k + positions - 1) for a, k in enumerate(window.reads(0)))
    return [(a, place) for a, place in places if 0 <= place < count]


def _ungrouped(layer: Convolution2d) -> Tensor:
    """The kernel with zeros between the channels of different groups, [D, C, K, L]."""
    parts = grouped(layer.kernel, 0, layer.groups)
    whole = parts.new_zeros(*parts.shape[:2], layer.in_channels, *parts.shape[3:])
    size = layer.in_channels // layer.groups
    for g in range(layer.groups):
        whole[g, :, g * size : (g + 1) * size] = parts[g]
    return whole.flatten(0, 1)

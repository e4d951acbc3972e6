"""Four ways to compute the same cross-correlation, and the zeros that go between pixels.

Letters in shapes: B batch, G groups, C input channels, D output channels, H W input size, I J
output size, K L kernel size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, cast

import torch
import torch.nn.functional as F  # noqa: N812 (torch's own convention)
from torch import Tensor

from models.layers.geometry import Geometry, Pair

__all__ = ["Backend", "correlate", "grouped", "spread"]

_rfft2 = cast("Callable[..., Tensor]", torch.fft.rfft2)  # pyright: ignore[reportUnknownMemberType]
_irfft2 = cast("Callable[..., Tensor]", torch.fft.irfft2)  # pyright: ignore[reportUnknownMemberType]

Backend = Literal["direct", "unfold", "fft", "aten"]


def correlate(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, groups: int, backend: Backend
) -> Tensor:
    """H[i,j,d] = u[d] + Σ_a Σ_b Σ_c V[a,b,c,d] · X[s·i+δ·a, s·j+δ·b, c], X padded with zeros.

    A ValueError says where the window exceeds the padded image.

    Args:
        images: X, [B, C, H, W].
        weight: V, [D, C/G, K, L].
        bias: u, [D].
        geometry: Strides s, dilations δ and padding.
        groups: Parts G of the channels that see only each other.
        backend: ``direct`` is the equation as written, ``unfold`` one matrix product over gathered
            windows, ``fft`` a product of spectra, ``aten`` torch's kernel.

    Returns:
        H, [B, D, I, J].
    """
    positions = geometry.output_shape(images.shape[-2], images.shape[-1])
    left, right, top, bottom = geometry.sides
    if backend == "aten" and left == right and top == bottom:
        return F.conv2d(
            images, weight, bias, geometry.stride, (top, left), geometry.dilation, groups
        )
    padded = F.pad(images, geometry.sides)
    return _BACKENDS[backend](padded, weight, bias, geometry, positions, groups)


def spread(images: Tensor, step: Pair) -> Tensor:
    """Put step − 1 zeros between neighbouring pixels of the last two axes."""
    rows, columns = step
    height, width = images.shape[-2:]
    apart = F.pad(images[..., :, None, :, None], (0, columns - 1, 0, 0, 0, rows - 1))
    whole = apart.reshape(*images.shape[:-2], height * rows, width * columns)
    return whole[..., : (height - 1) * rows + 1, : (width - 1) * columns + 1]


def grouped(tensor: Tensor, axis: int, groups: int) -> Tensor:
    """Split an axis of channels in two: groups, and channels of a group."""
    shape = tensor.shape
    return tensor.reshape(*shape[:axis], groups, shape[axis] // groups, *shape[axis + 1 :])


def _direct(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, positions: Pair, groups: int
) -> Tensor:
    """The equation as written: one sum over channels for each offset (a, b) of the window."""
    parts, kernels = grouped(images, 1, groups), grouped(weight, 0, groups)
    hidden = grouped(bias, 0, groups)[..., None, None]
    for a in range(geometry.rows.kernel):
        for b in range(geometry.columns.kernel):
            rows = _read(a, geometry.stride[0], geometry.dilation[0], positions[0])
            columns = _read(b, geometry.stride[1], geometry.dilation[1], positions[1])
            term: Tensor = torch.einsum(
                "bgcij,gdc->bgdij", parts[..., rows, columns], kernels[..., a, b]
            )
            hidden = hidden + term
    return hidden.flatten(1, 2)


def _unfold(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, positions: Pair, groups: int
) -> Tensor:
    """Im2col (Chellapilla et al. 2006): gather every window, then one matrix product."""
    windows = F.unfold(images, geometry.kernel, geometry.dilation, 0, geometry.stride)
    kernels = grouped(weight.flatten(1), 0, groups)  # G, D/G, C/G·K·L
    hidden = (kernels @ grouped(windows, 1, groups)).flatten(1, 2)
    return hidden.reshape(*hidden.shape[:2], *positions) + bias[:, None, None]


def _fft(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, positions: Pair, groups: int
) -> Tensor:
    """The correlation theorem: a product with the kernel's conjugate spectrum.

    The product of spectra wraps around the border, but no position that fits reaches that far.
    """
    size = (images.shape[-2], images.shape[-1])
    spectra = grouped(_rfft2(images), 1, groups)
    kernels = grouped(_rfft2(spread(weight, geometry.dilation), s=size), 0, groups)
    product: Tensor = torch.einsum("bgcij,gdcij->bgdij", spectra, kernels.conj())
    hidden = _irfft2(product.flatten(1, 2), s=size)
    rows, columns = (_read(0, geometry.stride[i], 1, positions[i]) for i in (0, 1))
    return hidden[..., rows, columns] + bias[:, None, None]


def _aten(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry, positions: Pair, groups: int
) -> Tensor:
    del positions
    return F.conv2d(images, weight, bias, geometry.stride, 0, geometry.dilation, groups)


_Compute = Callable[[Tensor, Tensor, Tensor, Geometry, Pair, int], Tensor]
_BACKENDS: Final[dict[Backend, _Compute]] = {
    "direct": _direct,
    "unfold": _unfold,
    "fft": _fft,
    "aten": _aten,
}


def _read(offset: int, stride: int, dilation: int, count: int) -> slice:
    """Pixels that one weight of the window meets as it takes its positions."""
    first = dilation * offset
    return slice(first, first + (count - 1) * stride + 1, stride)

"""What tying buys: translating the image translates the hidden representation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from models.layers.convolution import Convolution2d
from models.layers.dense import Dense2d
from models.layers.local import LocallyConnected2d
from models.layers.tied import GloballyTied2d
from tests.models.geometries import pairs

SIDE, BLANK = 12, 4  # the picture lies in the middle, blank pixels all around


def picture(channels: int) -> Tensor:
    inner = torch.randn(2, channels, SIDE - 2 * BLANK, SIDE - 2 * BLANK, dtype=torch.float64)
    return nn.functional.pad(inner, (BLANK,) * 4)


def shifted(images: Tensor, rows: int, columns: int) -> Tensor:
    return images.roll((rows, columns), (-2, -1))


@given(pairs(1, 3), pairs(-2, 2), st.booleans())
def test_convolution_commutes_with_shifts_at_stride_1(
    kernel: tuple[int, int], shift: tuple[int, int], true: bool
) -> None:
    """Away from borders: the picture and all windows that see it stay inside."""
    torch.manual_seed(0)
    layer = Convolution2d(2, 3, kernel, padding="same", true=true).double()
    images = picture(2)
    torch.testing.assert_close(layer(shifted(images, *shift)), shifted(layer(images), *shift))


@given(pairs(1, 3), pairs(-1, 1), pairs(1, 3))
def test_convolution_commutes_with_shifts_by_multiples_of_its_stride(
    kernel: tuple[int, int], shift: tuple[int, int], stride: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    layer = Convolution2d(2, 3, kernel, stride=stride, padding=(1, 1)).double()
    images = picture(2)
    moved = layer(shifted(images, shift[0] * stride[0], shift[1] * stride[1]))
    torch.testing.assert_close(moved, shifted(layer(images), *shift))


def test_convolution_does_not_commute_with_half_a_stride() -> None:
    torch.manual_seed(0)
    layer = Convolution2d(2, 3, 3, stride=2, padding=1).double()
    images = picture(2)
    moved = layer(shifted(images, 1, 0))
    assert all((moved - shifted(layer(images), rows, 0)).abs().max() > 0.1 for rows in (-1, 0, 1))


@given(pairs(-3, 3))
def test_globally_tied_layer_commutes_with_shifts_that_keep_the_picture_inside(
    shift: tuple[int, int],
) -> None:
    """Not only away from borders of the output: it is equivariant wherever output pixels remain."""
    torch.manual_seed(0)
    layer = GloballyTied2d(2, 3, (SIDE, SIDE), (SIDE, SIDE)).double()
    images = picture(2)
    moved, still = layer(shifted(images, *shift)), layer(images)
    rows, columns = (slice(max(0, s), SIDE + min(0, s)) for s in shift)
    before = tuple(slice(max(0, -s), SIDE + min(0, -s)) for s in shift)
    torch.testing.assert_close(moved[..., rows, columns], still[..., before[0], before[1]])


@pytest.mark.parametrize(
    "make",
    [
        lambda: LocallyConnected2d(2, 3, (SIDE, SIDE), 3, padding="same"),
        lambda: Dense2d(2, 3, (SIDE, SIDE), (SIDE, SIDE)),
    ],
    ids=["local", "dense"],
)
def test_untied_layers_do_not_commute_with_shifts(make: object) -> None:
    torch.manual_seed(0)
    layer = make().double()
    images = picture(2)
    moved, expected = layer(shifted(images, 1, 1)), shifted(layer(images), 1, 1)
    middle = slice(BLANK, SIDE - BLANK)
    assert (moved - expected)[..., middle, middle].abs().mean() > 0.05

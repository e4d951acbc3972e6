from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from models.arithmetic import output_size, split_padding
from models.layers.convolution import Backend, Convolution2d

BACKENDS: tuple[Backend, ...] = ("direct", "unfold", "aten")
SIDES = st.integers(1, 9)
KERNELS = st.tuples(st.integers(1, 4), st.integers(1, 4))
STRIDES = st.tuples(st.integers(1, 3), st.integers(1, 3))
PADDINGS = st.one_of(st.just("same"), st.tuples(st.integers(0, 5), st.integers(0, 5)))


def reference(layer: Convolution2d, images: torch.Tensor) -> torch.Tensor:
    """torch's own convolution, padded by hand because it can't pad unevenly."""
    (top, bottom), (left, right) = layer.padding
    padded = nn.functional.pad(images, (left, right, top, bottom))
    return nn.functional.conv2d(padded, layer.weight, layer.bias, layer.stride)


@settings(max_examples=300, deadline=None)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3), SIDES, SIDES),
    st.integers(1, 3), KERNELS, STRIDES, PADDINGS, st.sampled_from(BACKENDS),
)  # fmt: skip
def test_layer_equals_torchs_forward_and_backward(
    shape: tuple[int, int, int, int], out_channels: int, kernel: tuple[int, int],
    stride: tuple[int, int], padding: tuple[int, int] | str, backend: Backend,
) -> None:  # fmt: skip
    torch.manual_seed(0)
    layer = Convolution2d(
        shape[1], out_channels, kernel, stride=stride, padding=padding, backend=backend
    ).double()
    images = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    total = [sum(p) for p in layer.padding]
    if any(k > n + p for k, n, p in zip(kernel, shape[2:], total, strict=True)):
        with pytest.raises(ValueError, match="exceeds the padded input"):
            layer.output_shape(*shape[2:])
        return
    hidden, expected = layer(images), reference(layer, images)
    torch.testing.assert_close(hidden, expected, rtol=1e-12, atol=1e-12)
    assert hidden.shape[2:] == layer.output_shape(*shape[2:])
    inputs = [images, layer.weight, layer.bias]
    seed = torch.randn_like(expected)
    for left, right in zip(
        torch.autograd.grad(hidden, inputs, seed), torch.autograd.grad(expected, inputs, seed),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(left, right, rtol=1e-11, atol=1e-12)


def test_it_is_a_cross_correlation_and_not_a_flipped_one() -> None:
    layer = Convolution2d(1, 1, 2, backend="direct").double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        layer.bias.fill_(0.5)
    images = torch.arange(9, dtype=torch.float64).reshape(1, 1, 3, 3)
    hidden = layer(images)[0, 0].tolist()
    assert hidden == [[27.5, 37.5], [57.5, 67.5]]  # 0·1 + 1·2 + 3·3 + 4·4 + ½, and so on


def test_same_padding_keeps_the_size_with_even_kernels_too() -> None:
    for kernel in range(1, 7):
        layer = Convolution2d(1, 1, kernel, padding="same")
        assert layer(torch.zeros(1, 1, 7, 8)).shape == (1, 1, 7, 8)
        before, after = layer.padding[0]
        assert after - before == (kernel - 1) % 2


def test_starts_as_torchs_layer_does() -> None:
    torch.manual_seed(0)
    ours = Convolution2d(3, 64, 5)
    torchs = nn.Conv2d(3, 64, 5)
    for left, right in zip(ours.parameters(), torchs.parameters(), strict=True):
        bound = 1 / (3 * 25) ** 0.5
        assert left.abs().max() <= bound
        assert right.abs().max() <= bound
        assert left.std().item() == pytest.approx(bound / 3**0.5, rel=0.2)


@pytest.mark.parametrize("bad", [{"kernel": 0}, {"stride": 0}, {"in_channels": 0}])
def test_sizes_below_one_are_refused(bad: dict[str, int]) -> None:
    arguments = {"in_channels": 1, "out_channels": 1, "kernel": 3} | bad
    with pytest.raises(ValueError, match="at least 1"):
        Convolution2d(**arguments)


def test_ten_layers_take_200_pixels_to_160() -> None:
    """The notes say 140; each 5×5 layer without padding removes 4."""
    size = 200
    for _ in range(10):
        size = output_size(size, 5)
    assert size == 160


@given(st.integers(1, 300), st.integers(1, 20), st.integers(1, 9), st.integers(0, 30))
def test_output_size_counts_positions(n: int, kernel: int, stride: int, padding: int) -> None:
    positions = len(range(0, n + padding - kernel + 1, stride))
    if positions:
        assert output_size(n, kernel, stride, padding) == positions
    else:
        with pytest.raises(ValueError, match="smaller kernel or more padding"):
            output_size(n, kernel, stride, padding)


@given(st.integers(0, 50))
def test_padding_splits_about_in_half(total: int) -> None:
    before, after = split_padding(total)
    assert before + after == total
    assert 0 <= after - before <= 1


def test_negative_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        split_padding(-1)

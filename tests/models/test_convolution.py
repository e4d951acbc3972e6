from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.layers.backends import Backend, spread
from models.layers.convolution import Convolution2d
from models.layers.geometry import Padding, TotalPadding
from tests.models.geometries import Case, cases

BACKENDS: tuple[Backend, ...] = get_args(Backend)


def padded(layer: Convolution2d, images: torch.Tensor) -> torch.Tensor:
    return nn.functional.pad(images, layer.geometry.sides)


def of_torch(layer: Convolution2d, images: torch.Tensor) -> torch.Tensor:
    """torch's own convolution, padded by hand because it can't pad unevenly."""
    geometry = layer.geometry
    return nn.functional.conv2d(
        padded(layer, images), layer.weight, layer.bias, geometry.stride, 0, geometry.dilation,
        layer.groups,
    )  # fmt: skip


def assert_same(hidden: torch.Tensor, expected: torch.Tensor, inputs: list[torch.Tensor]) -> None:
    """Forward, and gradients by every input of a random functional."""
    torch.testing.assert_close(hidden, expected, rtol=1e-11, atol=1e-11)
    seed = torch.randn_like(expected)
    for left, right in zip(
        torch.autograd.grad(hidden, inputs, seed), torch.autograd.grad(expected, inputs, seed),
        strict=True,
    ):  # fmt: skip
        torch.testing.assert_close(left, right, rtol=1e-10, atol=1e-10)


@given(cases(), st.sampled_from(BACKENDS))
def test_layer_equals_torchs_forward_and_backward(case: Case, backend: Backend) -> None:
    torch.manual_seed(0)
    layer = Convolution2d(case.inputs, case.outputs, backend=backend, **case.arguments).double()
    shape = (case.batch, case.inputs, *case.size)
    images = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    rows, columns = layer.geometry.rows, layer.geometry.columns
    spans, sizes = (rows.span, columns.span), padded(layer, images).shape[2:]
    if any(s > n for s, n in zip(spans, sizes, strict=True)):
        with pytest.raises(ValueError, match="exceeds the padded input"):
            layer(images)
        return
    hidden = layer(images)
    assert hidden.shape[2:] == layer.geometry.output_shape(*case.size)
    assert_same(hidden, of_torch(layer, images), [images, layer.weight, layer.bias])


@pytest.mark.parametrize("backend", BACKENDS)
def test_vmap_gives_each_member_its_own_convolution(backend: Backend) -> None:
    layers = [
        Convolution2d(4, 6, (3, 2), stride=2, groups=2, padding="same", backend=backend).double()
        for _ in range(3)
    ]
    parameters, _ = torch.func.stack_module_state(layers)
    images = torch.randn(3, 2, 4, 7, 6, dtype=torch.float64)

    def one(parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layers[0], parameters, (x,))

    hidden = torch.func.vmap(one)(parameters, images)
    for member, layer in enumerate(layers):
        torch.testing.assert_close(hidden[member], layer(images[member]), rtol=1e-12, atol=1e-12)


def test_it_is_a_cross_correlation_and_not_a_flipped_one() -> None:
    """The notes' H[i,j,d] = Σ_a Σ_b Σ_c V[a,b,c,d] X[i+a,j+b,c], with a bias."""
    layer = Convolution2d(1, 1, 2, backend="direct").double()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
        layer.bias.fill_(0.5)
    images = torch.arange(9, dtype=torch.float64).reshape(1, 1, 3, 3)
    hidden = layer(images)[0, 0].tolist()
    assert hidden == [[27.5, 37.5], [57.5, 67.5]]  # 0·1 + 1·2 + 3·3 + 4·4 + ½, and so on
    layer.true = True
    assert layer(images)[0, 0].tolist() == [[13.5, 23.5], [43.5, 53.5]]  # 0·4 + 1·3 + 3·2 + 4·1


@pytest.mark.parametrize("delta", [0, 1, 2])
def test_same_padding_has_the_notes_offsets_within_delta(delta: int) -> None:
    """H[i,j] = u + Σ_{a=−Δ..Δ} Σ_{b=−Δ..Δ} V[a,b] X[i+a,j+b], pixel by pixel."""
    torch.manual_seed(0)
    layer = Convolution2d(1, 1, 2 * delta + 1, padding="same").double()
    images = torch.randn(1, 1, 5, 6, dtype=torch.float64)
    hidden = layer(images)
    for i in range(5):
        for j in range(6):
            expected = layer.bias[0]
            for a in range(-delta, delta + 1):
                for b in range(-delta, delta + 1):
                    if 0 <= i + a < 5 and 0 <= j + b < 6:
                        weight = layer.weight[0, 0, a + delta, b + delta]
                        expected = expected + weight * images[0, 0, i + a, j + b]
            torch.testing.assert_close(hidden[0, 0, i, j], expected)


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("kernel", range(1, 7))
def test_same_padding_keeps_the_size_with_even_kernels_too(kernel: int, dilation: int) -> None:
    layer = Convolution2d(1, 1, kernel, dilation=dilation, padding="same")
    assert layer(torch.zeros(1, 1, 7, 8)).shape == (1, 1, 7, 8)
    rows = layer.geometry.rows
    assert rows.after - rows.before == (dilation * (kernel - 1)) % 2


@pytest.mark.parametrize(
    ("padding", "sides"),
    [
        (2, (2, 2, 2, 2)),
        ((1, 3), (3, 3, 1, 1)),  # torch's order: left, right, top, bottom
        (TotalPadding(3, 6), (3, 3, 1, 2)),
        ("same", (1, 1, 1, 2)),
    ],
)
def test_padding_comes_in_four_forms(padding: Padding, sides: tuple[int, ...]) -> None:
    layer = Convolution2d(1, 1, (4, 3), padding=padding)
    assert layer.geometry.sides == sides


def test_starts_as_torchs_layer_does() -> None:
    torch.manual_seed(0)
    ours = Convolution2d(6, 64, 5, groups=2)
    torchs = nn.Conv2d(6, 64, 5, groups=2)
    for left, right in zip(ours.parameters(), torchs.parameters(), strict=True):
        assert left.shape == right.shape
        bound = 1 / (3 * 25) ** 0.5
        assert left.abs().max() <= bound
        assert right.abs().max() <= bound
        assert left.std().item() == pytest.approx(bound / 3**0.5, rel=0.2)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"kernel": 0}, "kernel 0, stride 1"),
        ({"stride": 0}, "at least 1"),
        ({"dilation": (1, 0)}, r"dilation \(1, 0\)"),
        ({"in_channels": 0}, "in_channels 0"),
        ({"groups": 2}, "2 groups do not divide 1 input and 1 output"),
        ({"padding": -1}, "padding at least 0"),
        ({"padding": TotalPadding(-1, 0)}, "total padding is -1"),
    ],
)
def test_sizes_out_of_range_are_refused(bad: dict[str, object], complaint: str) -> None:
    arguments = {"in_channels": 1, "out_channels": 1, "kernel": 3} | bad
    with pytest.raises(ValueError, match=complaint):
        Convolution2d(**arguments)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_window_larger_than_the_image_is_refused(backend: Backend) -> None:
    layer = Convolution2d(1, 1, 3, dilation=2, padding=1, backend=backend)
    with pytest.raises(ValueError, match=r"kernel 3 \(dilated to 5 pixels\) exceeds .* 2 \+ 2"):
        layer(torch.zeros(1, 1, 2, 9))


def test_zeros_spread_between_pixels_and_not_around_them() -> None:
    spreaded = spread(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), (2, 3))
    assert spreaded[0, 0].tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [3, 0, 0, 4]]

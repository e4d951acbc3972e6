"""The notes' derivation, executed: each constrained layer is the freer one it came from."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from models.arithmetic import costs
from models.arithmetic.sizes import output_size
from models.layers.convolution import Convolution2d
from models.layers.dense import Dense2d
from models.layers.embeddings import (
    dense_from_local,
    dense_from_tied,
    local_from_convolution,
    local_from_dense,
    reindexed,
    restored,
    tied_from_convolution,
)
from models.layers.local import LocallyConnected2d
from models.layers.tied import GloballyTied2d
from tests.models.geometries import PADDINGS, Case, cases, pairs
from tests.models.test_convolution import assert_same

CHANNELS = pairs(1, 2)


def draw(shape: tuple[int, ...]) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, requires_grad=True)


@given(CHANNELS, pairs(1, 4), pairs(1, 4))
def test_dense_layer_is_the_notes_order_4_equation(
    channels: tuple[int, int], image: tuple[int, int], hidden: tuple[int, int]
) -> None:
    """H[i,j] = U[i,j] + Σ_k Σ_l W[i,j,k,l] X[k,l], summed over channels; forward and gradients."""
    torch.manual_seed(0)
    layer = Dense2d(*channels, image, hidden).double()
    x = draw((2, channels[0], *image))
    expected = torch.einsum("dijckl,bckl->bdij", layer.weight, x) + layer.bias
    assert_same(layer(x), expected, [x, layer.weight, layer.bias])


def test_dense_layer_picks_a_matrix_for_each_hidden_pixel() -> None:
    """The notes' figure: X 4×4, H 2×2; H[1,0] is W[1,0] times X, elementwise and summed, plus U."""
    torch.manual_seed(0)
    layer = Dense2d(1, 1, (4, 4), (2, 2)).double()
    x = torch.randn(1, 1, 4, 4, dtype=torch.float64)
    expected = (layer.weight[0, 1, 0, 0] * x[0, 0]).sum() + layer.bias[0, 1, 0]
    torch.testing.assert_close(layer(x)[0, 0, 1, 0], expected)
    assert layer.weight[0, :, :, 0].shape == (2, 2, 4, 4)


@given(CHANNELS, pairs(1, 4), pairs(1, 4))
def test_reindexing_is_exact_both_ways(
    channels: tuple[int, int], image: tuple[int, int], hidden: tuple[int, int]
) -> None:
    """V[i,j,a,b] = W[i,j,i+a,j+b]: same numbers, and H = U + Σ V[i,j,a,b] X[i+a,j+b]."""
    torch.manual_seed(0)
    dense = Dense2d(*channels, image, hidden).double()
    v = reindexed(dense.weight)
    first = (hidden[0] - 1, hidden[1] - 1)  # where offset 0 lies
    for i in range(hidden[0]):
        for j in range(hidden[1]):
            for k in range(image[0]):
                for m in range(image[1]):
                    a, b = k - i, m - j
                    assert torch.equal(
                        v[:, i, j, :, a + first[0], b + first[1]], dense.weight[:, i, j, :, k, m]
                    )
    assert torch.equal(restored(v, image), dense.weight)
    assert v.count_nonzero() == dense.weight.count_nonzero()
    x = torch.randn(2, channels[0], *image, dtype=torch.float64)
    local = local_from_dense(dense)
    torch.testing.assert_close(local(x), dense(x), rtol=1e-12, atol=1e-12)
    back = dense_from_local(local)
    assert torch.equal(back.weight, dense.weight)
    assert torch.equal(back.bias, dense.bias)


@given(cases())
def test_local_layer_is_a_dense_one_with_zeros(case: Case) -> None:
    torch.manual_seed(0)
    arguments = {k: v for k, v in case.arguments.items() if k != "groups"}
    try:
        layer = LocallyConnected2d(case.inputs, case.outputs, case.size, **arguments).double()
    except ValueError as refused:
        assert "exceeds the padded input" in str(refused)
        return
    x = draw((case.batch, case.inputs, *case.size))
    dense = dense_from_local(layer)
    expected = torch.einsum("dijckl,bckl->bdij", dense.weight, x) + dense.bias
    torch.testing.assert_close(layer(x), expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(dense(x), expected, rtol=1e-11, atol=1e-11)
    windows = nn.functional.unfold(
        nn.functional.pad(x, layer.geometry.sides), case.kernel, case.dilation, 0, case.stride
    )
    slow = torch.einsum("bqp,dpq->bdp", windows, layer.weight.flatten(3).flatten(1, 2))
    slow = slow.reshape(expected.shape) + layer.bias
    assert_same(layer(x), slow, [x, layer.weight, layer.bias])


@given(cases())
def test_convolution_is_a_local_layer_with_equal_kernels(case: Case) -> None:
    """V[i,j,a,b] = V[a,b], within the window; strides, dilations and groups too."""
    torch.manual_seed(0)
    layer = Convolution2d(case.inputs, case.outputs, **case.arguments).double()
    x = torch.randn(case.batch, case.inputs, *case.size, dtype=torch.float64)
    try:
        hidden = layer(x)
    except ValueError:
        return
    local = local_from_convolution(layer, case.size)
    torch.testing.assert_close(local(x), hidden, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(dense_from_local(local)(x), hidden, rtol=1e-11, atol=1e-11)
    layer.true = True
    local = local_from_convolution(layer, case.size)
    torch.testing.assert_close(local(x), layer(x), rtol=1e-11, atol=1e-11)


@given(CHANNELS, pairs(1, 5), pairs(1, 5), st.sampled_from(["toeplitz", "fft"]))
def test_tied_layer_is_a_dense_one_with_equal_diagonals(
    channels: tuple[int, int], image: tuple[int, int], hidden: tuple[int, int], backend: str
) -> None:
    """H[i,j] = u + Σ_a Σ_b V[a,b] X[i+a,j+b], a and b over the whole image."""
    torch.manual_seed(0)
    layer = GloballyTied2d(*channels, image, hidden, backend=backend).double()
    dense = dense_from_tied(layer)
    assert torch.equal(dense.weight[:, 0, 0], layer.weight[..., hidden[0] - 1 :, hidden[1] - 1 :])
    x = draw((2, channels[0], *image))
    padding = (hidden[1] - 1, hidden[1] - 1, hidden[0] - 1, hidden[0] - 1)
    slow = nn.functional.conv2d(nn.functional.pad(x, padding), layer.weight, layer.bias)
    assert_same(layer(x), slow, [x, layer.weight, layer.bias])
    torch.testing.assert_close(dense(x), slow, rtol=1e-11, atol=1e-11)


@given(CHANNELS, pairs(2, 6), pairs(1, 3), pairs(1, 2), PADDINGS)
def test_convolution_is_a_tied_layer_with_zeros_outside_the_window(
    channels: tuple[int, int], image: tuple[int, int], kernel: tuple[int, int],
    dilation: tuple[int, int], padding: object,
) -> None:  # fmt: skip
    torch.manual_seed(0)
    layer = Convolution2d(*channels, kernel, dilation=dilation, padding=padding).double()
    x = torch.randn(2, channels[0], *image, dtype=torch.float64)
    try:
        hidden = layer(x)
    except ValueError:
        return
    tied = tied_from_convolution(layer, image)
    torch.testing.assert_close(tied(x), hidden, rtol=1e-11, atol=1e-11)
    assert tied.weight.count_nonzero() <= layer.weight.count_nonzero()


def test_a_strided_convolution_is_not_globally_tied() -> None:
    with pytest.raises(ValueError, match="embed it in a locally connected layer"):
        tied_from_convolution(Convolution2d(1, 1, 3, stride=2), (8, 8))


def test_hidden_units_of_a_tied_layer_differ() -> None:
    """The notes say they would all be the same; each meets the image at other offsets."""
    torch.manual_seed(0)
    layer = GloballyTied2d(1, 1, (4, 4), (4, 4)).double()
    hidden = layer(torch.randn(1, 1, 4, 4, dtype=torch.float64)).flatten()
    assert len(hidden.unique()) == 16
    uniform = layer(torch.zeros(1, 1, 4, 4, dtype=torch.float64)).flatten()
    assert len(uniform.unique()) == 1


@pytest.mark.parametrize("kind", ["dense", "local", "tied"])
def test_vmap_gives_each_member_its_own_layer(kind: str) -> None:
    make = {
        "dense": lambda: Dense2d(2, 3, (4, 5), (3, 2)),
        "local": lambda: LocallyConnected2d(2, 3, (4, 5), 3, padding="same", stride=2),
        "tied": lambda: GloballyTied2d(2, 3, (4, 5), (4, 5)),
    }[kind]
    layers = [make().double() for _ in range(3)]
    parameters, _ = torch.func.stack_module_state(layers)
    images = torch.randn(3, 6, 2, 4, 5, dtype=torch.float64)

    def one(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
        return torch.func.functional_call(layers[0], parameters, (x,))

    hidden = torch.func.vmap(one)(parameters, images)
    for member, layer in enumerate(layers):
        torch.testing.assert_close(hidden[member], layer(images[member]), rtol=1e-12, atol=1e-12)


def test_100_by_100_pixels_and_1000_units_are_ten_million_weights() -> None:
    """Notes, Motivation; tying and locality together leave 25 of a 5×5 kernel."""
    assert costs.dense(100 * 100, 1000).weights == 10**7
    assert costs.convolution(1, 1, (100, 100), (5, 5)).weights == 25


@given(cases())
def test_costs_are_what_the_layers_hold(case: Case) -> None:
    try:
        hidden = tuple(
            output_size(n, k, s, 2, d)
            for n, k, s, d in zip(case.size, case.kernel, case.stride, case.dilation, strict=True)
        )
    except ValueError:
        return
    places = hidden[0], hidden[1]
    ins, outs = case.inputs, case.outputs
    arguments = case.arguments | {"padding": 1}
    grouped = arguments.pop("groups")
    pairs = [
        (
            Convolution2d(ins, outs, groups=grouped, **arguments),
            costs.convolution(ins, outs, places, case.kernel, grouped),
        ),
        (
            LocallyConnected2d(ins, outs, case.size, **arguments),
            costs.locally_connected(ins, outs, places, case.kernel),
        ),
        (
            GloballyTied2d(ins, outs, case.size, places),
            costs.tied(ins, outs, places, case.size),
        ),
        (
            Dense2d(ins, outs, case.size, places),
            costs.dense(ins * case.size[0] * case.size[1], outs * places[0] * places[1]),
        ),
    ]
    for layer, cost in pairs:
        assert cost.weights == layer.weight.numel()
        assert cost.biases == layer.bias.numel()
        assert cost.parameters == sum(p.numel() for p in layer.parameters())
    multiply_adds = [cost.multiply_adds for _, cost in pairs]
    assert multiply_adds[2] == multiply_adds[3]  # tying saves weights and no arithmetic
    assert multiply_adds[0] * grouped == multiply_adds[1]  # nor does it after locality


@pytest.mark.parametrize("make", [
    lambda: Dense2d(1, 0, (2, 2), (2, 2)),
    lambda: LocallyConnected2d(0, 1, (2, 2), 1),
    lambda: GloballyTied2d(1, 1, (2, 0), (2, 2)),
])  # fmt: skip
def test_sizes_below_one_are_refused(make: object) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make()

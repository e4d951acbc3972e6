from __future__ import annotations

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.layers.backends import Backend
from models.layers.convolution import Convolution2d
from models.layers.transposed import TransposedConvolution2d
from tests.models.geometries import Case, cases
from tests.models.test_convolution import assert_same

BACKENDS: tuple[Backend, ...] = get_args(Backend)


@given(cases(transposed=True), st.sampled_from(BACKENDS))
def test_layer_equals_torchs_forward_and_backward(case: Case, backend: Backend) -> None:
    """The notes: fractional strides are possible when you pad between pixels."""
    torch.manual_seed(0)
    layer = TransposedConvolution2d(
        case.inputs, case.outputs, output_padding=case.output_padding, backend=backend,
        **case.arguments,
    ).double()  # fmt: skip
    shape = (case.batch, case.inputs, *case.size)
    images = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    try:
        made = layer.output_shape(*case.size)
    except ValueError:
        with pytest.raises(ValueError, match="use less padding"):
            layer(images)
        return
    hidden = layer(images)
    assert hidden.shape[2:] == made
    expected = nn.functional.conv_transpose2d(
        images, layer.weight, layer.bias, case.stride, case.padding, case.output_padding,
        case.groups, case.dilation,
    )  # fmt: skip
    assert_same(hidden, expected, [images, layer.weight, layer.bias])


@given(cases())
def test_it_is_the_transpose_of_the_convolutions_matrix(case: Case) -> None:
    """⟨y, V * x⟩ = ⟨Vᵀ * y, x⟩ without biases, with output padding that makes the sizes meet."""
    torch.manual_seed(0)
    forward = Convolution2d(case.inputs, case.outputs, **case.arguments).double()
    x = torch.randn(1, case.inputs, *case.size, dtype=torch.float64)
    nn.init.zeros_(forward.bias)
    try:
        hidden = forward(x)
    except ValueError:
        return
    lost = [
        (n + w.before + w.after - w.span) % w.stride
        for n, w in zip(case.size, (forward.geometry.rows, forward.geometry.columns), strict=True)
    ]
    back = TransposedConvolution2d(
        case.outputs, case.inputs, output_padding=(lost[0], lost[1]), **case.arguments
    ).double()
    back.weight = forward.weight
    nn.init.zeros_(back.bias)
    y = torch.randn_like(hidden)
    restored = back(y)
    assert restored.shape == x.shape
    torch.testing.assert_close((y * hidden).sum(), (restored * x).sum(), rtol=1e-9, atol=1e-9)


def test_stride_one_half_doubles_the_size() -> None:
    layer = TransposedConvolution2d(2, 3, 4, stride=2, padding=1)
    assert layer(torch.zeros(1, 2, 7, 5)).shape == (1, 3, 14, 10)


def test_vmap_gives_each_member_its_own_convolution() -> None:
    layers = [TransposedConvolution2d(2, 4, 3, stride=2, groups=2).double() for _ in range(3)]
    parameters, _ = torch.func.stack_module_state(layers)
    images = torch.randn(3, 2, 2, 4, 5, dtype=torch.float64)

    def one(parameters: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
        return torch.func.functional_call(layers[0], parameters, (x,))

    hidden = torch.func.vmap(one)(parameters, images)
    for member, layer in enumerate(layers):
        torch.testing.assert_close(hidden[member], layer(images[member]), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("bad", "complaint"),
    [
        ({"output_padding": 2}, "output padding 2 must be at least 0 and below the stride 2"),
        ({"output_padding": (0, -1)}, "output padding -1"),
        ({"padding": 9}, "use less padding"),
        ({"groups": 2}, "do not divide"),
    ],
)
def test_impossible_geometries_are_refused(bad: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TransposedConvolution2d(1, 1, 3, **({"stride": 2} | bad))(torch.zeros(1, 1, 4, 4))

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from models import anatomy as anatomy_module
from models.anatomy import Layer, anatomy
from models.arithmetic.pixel_use import pixel_use
from models.arithmetic.receptive_field import receptive_field
from models.arithmetic.windows import Window
from models.layers.transposed import TransposedConvolution2d
from models.registry import network
from models.shape import Task

ODD = "tests.models.odd_networks"


def taken_apart(name: str, task: Task) -> tuple[Layer, ...]:
    torch.manual_seed(0)
    return anatomy(network(name).factory(task), task)


@pytest.mark.parametrize(("name", "task"), [
    ("conv", Task(1, 28, 28, 10)), ("conv_true", Task(3, 12, 9, 4)), ("local", Task(1, 8, 8, 10)),
    ("lenet", Task(1, 28, 28, 10)), ("lenet", Task(1, 8, 8, 10)), ("vgg", Task(1, 16, 8, 10)),
    ("simple_cnn", Task(2, 10, 7, 10)),
])  # fmt: skip
def test_what_layers_see_is_what_the_arithmetic_says(name: str, task: Task) -> None:
    """Measured on the network, layer after layer, against the formulas for its windows."""
    rows: list[Window] = []
    columns: list[Window] = []
    for layer in taken_apart(name, task):
        if layer.window is not None:
            (left, right, top, bottom), window = layer.window.padding, layer.window
            rows.append(Window(window.kernel[0], window.stride[0], top, bottom))
            columns.append(Window(window.kernel[1], window.stride[1], left, right))
        assert layer.sight is not None
        if len(layer.outputs) == 1:
            assert layer.sight.use().unique().tolist() in ([1], [0, 1])
            continue
        expected = np.outer(pixel_use(task.height, rows), pixel_use(task.width, columns))
        np.testing.assert_array_equal(layer.sight.use().numpy(), expected)
        for axis, (stack, size) in enumerate(((rows, task.height), (columns, task.width))):
            unit = layer.outputs[1 + axis] // 2
            extent = receptive_field(stack).extent(unit)
            clipped = range(max(0, extent.start), min(size, extent.stop))
            assert layer.sight.field()[axis] == clipped


def test_branches_are_seen_through() -> None:
    layers = {layer.name: layer for layer in taken_apart("resnet8", Task(1, 24, 24, 10))}
    fields = [
        len(layers[name].sight.field()[0])
        for name in ("0", "3.branch.0", "3.branch.3", "4.branch.0", "4.branch.3", "5.branch.0")
    ]
    assert fields == [3, 5, 7, 9, 13, 17]


def test_group_normalisation_sees_the_whole_image() -> None:
    layers = {layer.name: layer for layer in taken_apart("resnet8_gn", Task(1, 8, 8, 10))}
    assert layers["0"].sight.field() == (range(3, 6), range(3, 6))
    assert layers["1"].sight.field() == (range(8), range(8))


@pytest.mark.parametrize("name", ["dense", "tied", "local", "conv", "lenet", "mlp", "resnet8"])
def test_parameters_and_weights_are_those_of_the_network(name: str) -> None:
    task = Task(1, 8, 8, 10)
    made = network(name).factory(task)
    layers = anatomy(made, task)
    assert sum(x.parameters for x in layers) == sum(p.numel() for p in made.parameters())
    for layer in layers:
        if layer.cost is not None:
            assert layer.cost.weights == made.get_submodule(layer.name).weight.numel()
            assert layer.dense.weights == math.prod(layer.inputs) * math.prod(layer.outputs)


def test_savings_are_against_the_dense_rung() -> None:
    """The convolution's dense layer is the one that the rung ``dense`` really has."""
    task = Task(1, 28, 28, 10)
    weighed = {
        name: [layer for layer in taken_apart(name, task) if layer.cost is not None]
        for name in ("dense", "local", "tied", "conv")
    }
    for name, layers in weighed.items():
        assert [x.dense.weights for x in layers] == [x.cost.weights for x in weighed["dense"]]
        assert [x.saving == 1 for x in layers] == [name == "dense"] * 2 + [True]
    assert weighed["conv"][0].cost.multiply_adds == 28 * 28 * 8 * 9
    assert weighed["tied"][0].cost.multiply_adds == weighed["dense"][0].cost.multiply_adds


def test_a_transposed_convolution_costs_its_input_positions() -> None:
    task = Task(2, 5, 5, 3)
    made = nn.Sequential(TransposedConvolution2d(2, 4, 3, stride=2), nn.Flatten())
    first = anatomy(made, task)[0]
    assert first.outputs == (4, 11, 11)
    assert first.cost.weights == 2 * 4 * 9
    assert first.cost.multiply_adds == 2 * 4 * 9 * 25


def test_the_layer_that_fails_is_named_with_the_reason() -> None:
    made = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 5))
    with pytest.raises(ValueError, match=r"layer 2 \(Conv2d\) does not take 4×2×2: .*[Kk]ernel"):
        anatomy(made, Task(1, 8, 8, 10))

    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Conv2d(1, 1, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images + self.layer(images)

    with pytest.raises(ValueError, match="between its layers the network fails"):
        anatomy(Branch(), Task(1, 8, 8, 10))


def test_large_networks_are_described_without_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anatomy_module, "_AFFORDABLE", 1e5)
    layers = taken_apart("conv", Task(1, 28, 28, 10))
    assert all(layer.sight is None for layer in layers)
    assert layers[0].outputs == (8, 28, 28)


def test_layers_that_give_no_single_tensor_are_passed_over() -> None:
    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rows = nn.GRU(8, 4, batch_first=True)
            self.read_out = nn.Linear(4, 3)

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return self.read_out(self.rows(images[:, 0])[0][:, -1])

    assert [layer.name for layer in anatomy(Recurrent(), Task(1, 8, 8, 3))] == ["read_out"]


def test_a_number_an_example_is_seen() -> None:
    [layer] = taken_apart("noisy_quadratic", Task(1, 6, 7, 10))
    assert (layer.outputs, layer.by_example, layer.cost) == ((), True, None)
    assert layer.sight.field() == (range(6), range(7))


def test_of_patches_in_the_batch_nothing_is_claimed() -> None:
    row, rectify, read_out = taken_apart(f"{ODD}:patches", Task(1, 6, 10, 3))
    for layer in (row, rectify):
        assert (layer.by_example, layer.cost, layer.sight, layer.dense) == (False, None, None, None)
    assert read_out.by_example
    assert read_out.cost.multiply_adds == 9
    assert read_out.sight.field() == (range(6), range(10))


@pytest.mark.parametrize("height", [1, 6])
def test_a_sequence_of_one_is_not_taken_for_an_example(height: int) -> None:
    [row] = taken_apart(f"{ODD}:sequence", Task(1, height, 10, 3))
    assert (row.by_example, row.cost, row.sight) == (False, None, None)


def test_a_dense_layer_over_tokens_costs_each_token() -> None:
    made = nn.Sequential(nn.Linear(10, 4), nn.Flatten(), nn.Linear(2 * 6 * 4, 3))
    tokens, _, read_out = anatomy(made, Task(2, 6, 10, 3))
    assert (tokens.parameters, tokens.cost.weights, tokens.cost.biases) == (44, 40, 4)
    assert tokens.cost.multiply_adds == 2 * 6 * 10 * 4
    assert tokens.saving == (2 * 6) ** 2
    assert read_out.cost.multiply_adds == 2 * 6 * 4 * 3


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(1, 2, (4, 3), padding="same", dilation=(2, 1)),
        nn.Conv2d(1, 2, 3, padding="valid", stride=2),
        nn.Conv2d(1, 2, (3, 2), padding=(1, 0), dilation=2),
        nn.MaxPool2d((2, 3), dilation=(2, 1), stride=1),
        nn.MaxPool2d(3, padding=1),
        nn.AvgPool2d(2),
    ],
    ids=str,
)
def test_windows_of_torchs_own_layers_are_what_they_see(layer: nn.Module) -> None:
    [found] = anatomy(layer, Task(1, 12, 13, 2))
    window = found.window
    left, right, top, bottom = window.padding
    rows = Window(window.kernel[0], window.stride[0], top, bottom, window.dilation[0])
    columns = Window(window.kernel[1], window.stride[1], left, right, window.dilation[1])
    assert found.outputs[1:] == (rows.output_size(12), columns.output_size(13))
    expected = np.outer(pixel_use(12, [rows]), pixel_use(13, [columns]))
    np.testing.assert_array_equal(found.sight.use().numpy(), expected)

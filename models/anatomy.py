"""A network layer by layer: shapes, windows, costs, and what each layer sees.

Letters in shapes: C input channels, H W input size, D output channels, I J output size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from models.arithmetic import costs
from models.arithmetic.costs import Cost
from models.calls import watched
from models.layers.convolution import Convolution2d
from models.layers.dense import Dense2d
from models.layers.geometry import Pair, pair
from models.layers.local import LocallyConnected2d
from models.layers.tied import GloballyTied2d
from models.layers.transposed import TransposedConvolution2d
from models.sight import Sight, sights
from models.task import Task

__all__ = ["Layer", "WindowSizes", "anatomy"]

Shape = tuple[int, ...]
_AFFORDABLE: Final = 1e11  # multiply-adds; looking takes some seconds up to here


@dataclass(frozen=True)
class WindowSizes:
    """A sliding window along height and width.

    Attributes:
        kernel: Weights, or pixels pooled.
        stride: Pixels between positions.
        padding: Pixels left, right, top and bottom.
        dilation: Pixels between weights.
    """

    kernel: Pair
    stride: Pair
    padding: tuple[int, int, int, int]
    dilation: Pair = (1, 1)


@dataclass(frozen=True, eq=False)
class Layer:
    """One call of a module without children.

    Attributes:
        name: Dotted name in the network.
        kind: Name of its class.
        inputs: Shape of its input for one example, [C, H, W] or [C].
        outputs: Shape of its output, [D, I, J] or [D].
        window: How it slides over its input; None where it does not.
        parameters: Numbers to learn.
        cost: Weights and multiply-adds; None where it weighs nothing.
        sight: What it sees of the image; None where looking costs too much.
    """

    name: str
    kind: str
    inputs: Shape
    outputs: Shape
    window: WindowSizes | None
    parameters: int
    cost: Cost | None
    sight: Sight | None

    @property
    def dense(self) -> Cost | None:
        """Cost of the dense layer that it constrains, between the same numbers; None likewise."""
        if self.cost is None:
            return None
        return costs.dense(math.prod(self.inputs), math.prod(self.outputs))

    @property
    def saving(self) -> float | None:
        """Weights of the dense layer over its own; 1 for a dense layer, None without weights."""
        if self.cost is None or self.dense is None:
            return None
        return self.dense.weights / self.cost.weights


@torch.no_grad()
def anatomy(network: nn.Module, task: Task) -> tuple[Layer, ...]:
    """Take a network apart. A ValueError names the layer that does not take its input.

    Args:
        network: Maps images to logits; left in evaluation mode and double precision.
        task: Sizes of the image.

    Returns:
        Its layers in the order in which they are called; branches one after the other.
    """
    network.eval().double()
    shapes: list[tuple[str, nn.Module, Shape, Shape]] = []

    def note(name: str, layer: nn.Module, inputs: Tensor, outputs: Tensor) -> None:
        shapes.append((name, layer, tuple(inputs.shape[1:]), tuple(outputs.shape[1:])))

    images = torch.zeros(1, task.channels, task.height, task.width, dtype=torch.float64)
    watched(network, images, note)
    found = [_cost(layer, inputs, outputs) for _, layer, inputs, outputs in shapes]
    work = sum(cost.multiply_adds for cost in found if cost) * (task.height + task.width)
    seen = sights(network, task) if work <= _AFFORDABLE else [None] * len(shapes)
    return tuple(
        Layer(name, type(layer).__name__, inputs, outputs, _window(layer), _count(layer), cost, see)
        for (name, layer, inputs, outputs), cost, see in zip(shapes, found, seen, strict=True)
    )


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _window(layer: nn.Module) -> WindowSizes | None:
    if isinstance(layer, Convolution2d | LocallyConnected2d | TransposedConvolution2d):
        geometry = layer.geometry
        return WindowSizes(geometry.kernel, geometry.stride, geometry.sides, geometry.dilation)
    if isinstance(layer, nn.Conv2d) and not isinstance(layer.padding, str):
        rows, columns = _two(layer.padding)
        sides = (columns, columns, rows, rows)
        return WindowSizes(_two(layer.kernel_size), _two(layer.stride), sides, _two(layer.dilation))
    if isinstance(layer, nn.MaxPool2d | nn.AvgPool2d):
        rows, columns = _two(layer.padding)
        sides = (columns, columns, rows, rows)
        return WindowSizes(_two(layer.kernel_size), _two(layer.stride), sides)
    return None


def _cost(layer: nn.Module, inputs: Shape, outputs: Shape) -> Cost | None:
    """What a layer costs; None for one that weighs nothing, or in a way not known here."""
    if isinstance(layer, nn.Linear) and len(inputs) == 1:
        return costs.dense(layer.in_features, layer.out_features)
    if len(inputs) != 3 or len(outputs) != 3:
        return None
    (ins, *image), (outs, *places) = inputs, outputs
    positions = (places[0], places[1])
    match layer:
        case Dense2d():
            return costs.dense(math.prod(inputs), math.prod(outputs))
        case LocallyConnected2d():
            return costs.locally_connected(ins, outs, positions, layer.geometry.kernel)
        case GloballyTied2d():
            return costs.tied(ins, outs, positions, (image[0], image[1]))
        case Convolution2d():
            return costs.convolution(ins, outs, positions, layer.geometry.kernel, layer.groups)
        case nn.Conv2d():
            kernel = _two(layer.kernel_size)
            return costs.convolution(ins, outs, positions, kernel, layer.groups)
        case TransposedConvolution2d():
            window = costs.convolution(
                outs, ins, (image[0], image[1]), layer.geometry.kernel, layer.groups
            )
            return Cost(window.weights, outs, window.multiply_adds)
        case _:
            return None


def _two(value: int | tuple[int, ...]) -> Pair:
    return pair(value if isinstance(value, int) else (value[0], value[1]))

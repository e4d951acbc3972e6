"""A network layer by layer: shapes, windows, costs, and what each layer sees.

Letters in shapes: C input channels, H W input size, D output channels, I J output size.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import torch
from torch import Tensor, nn

from models.arithmetic import costs
from models.arithmetic.costs import Cost
from models.calls import watched
from models.layers.convolution import Convolution2d
from models.layers.dense import Dense2d
from models.layers.geometry import Geometry, Padding, Pair, pair
from models.layers.local import LocallyConnected2d
from models.layers.tied import GloballyTied2d
from models.layers.transposed import TransposedConvolution2d
from models.sight import Sight, sights
from models.task import Task

__all__ = ["Layer", "WindowSizes", "anatomy"]

Shape = tuple[int, ...]
_AFFORDABLE: Final = 1e11  # multiply-adds; looking takes some seconds up to here
_HELD: Final = 2**27  # numbers of a layer's output for all images that are looked with, a gigabyte


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
        outputs: Shape of its output, [D, I, J] or [D]; () where an example gives one number.
        by_example: Whether it gives one row an example. Where patches were moved into the batch
            it does not, and shapes are those of a patch.
        window: How it slides over its input; None where it does not.
        parameters: Numbers to learn.
        cost: Weights and multiply-adds; None where it weighs nothing, in a way not known here, or
            not by example.
        sight: What it sees of the image; None where looking costs too much, or not by example.
    """

    name: str
    kind: str
    inputs: Shape
    outputs: Shape
    by_example: bool
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
    layers: list[Layer] = []
    work = 0  # multiply-adds of one image, on patches in the batch too
    largest = task.pixels  # numbers that a layer gives for it

    def note(name: str, layer: nn.Module, taken: Tensor, given: Tensor) -> None:
        nonlocal work, largest
        inputs, outputs = tuple(taken.shape[1:]), tuple(given.shape[1:])
        cost = _cost(layer, inputs, outputs)
        work += cost.multiply_adds * len(given) if cost else 0
        largest = max(largest, given.numel())
        alone = given.shape[:1] == (1,)
        about = (type(layer).__name__, inputs, outputs, alone, _window(layer), _count(layer))
        layers.append(Layer(name, *about, cost=cost if alone else None, sight=None))

    images = torch.zeros(1, task.channels, task.height, task.width, dtype=torch.float64)
    watched(network, images, note)
    looks = task.height + task.width
    if looks * work > _AFFORDABLE or looks * largest > _HELD:
        return tuple(layers)
    seen = sights(network, task)
    return tuple(_seeing(layer, sight) for layer, sight in zip(layers, seen, strict=True))


def _seeing(layer: Layer, sight: Sight | None) -> Layer:
    """A layer with its sight; many images, as one, may show that its rows are not examples."""
    if layer.by_example and sight is not None:
        return replace(layer, sight=sight)
    return replace(layer, by_example=False, cost=None)


def _count(layer: nn.Module) -> int:
    return sum(parameter.numel() for parameter in layer.parameters())


def _window(layer: nn.Module) -> WindowSizes | None:
    geometry = _geometry(layer)
    if geometry is None:
        return None
    return WindowSizes(geometry.kernel, geometry.stride, geometry.sides, geometry.dilation)


def _geometry(layer: nn.Module) -> Geometry | None:
    match layer:
        case Convolution2d() | LocallyConnected2d() | TransposedConvolution2d():
            return layer.geometry
        case nn.Conv2d():
            dilation = _two(layer.dilation)
        case nn.MaxPool2d():
            dilation = _two(layer.dilation)
        case nn.AvgPool2d():
            dilation = (1, 1)
        case _:
            return None
    padding = _padding(layer.padding)
    return Geometry.of(_two(layer.kernel_size), _two(layer.stride), dilation, padding)


def _padding(given: str | int | tuple[int, ...]) -> Padding:
    if isinstance(given, str):  # torch knows two such words
        return "same" if given == "same" else 0
    return _two(given)


def _cost(layer: nn.Module, inputs: Shape, outputs: Shape) -> Cost | None:
    """What a layer costs; None for one that weighs nothing, or in a way not known here."""
    if isinstance(layer, nn.Linear) and inputs:
        each = costs.dense(layer.in_features, layer.out_features)
        return replace(each, multiply_adds=each.multiply_adds * math.prod(inputs[:-1]))
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

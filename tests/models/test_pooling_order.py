"""Pooling before rectifying, and with the batch last: the bits of the usual order and layout."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.func import (  # pyright: ignore[reportPrivateImportUsage]
    functional_call,
    stack_module_state,
    vmap,
)

from models.layers.pooling import MaxPool2d
from models.registry import network
from models.task import CLASSIFICATION, Task

Kernel = Callable[[nn.Module, int], list[Tensor]]
STEPS = 4
NETWORKS = ("dense", "local", "tied", "conv", "lenet", "simple_cnn", "vgg")


def rectified_first(made: nn.Module) -> nn.Sequential:
    """The network as one would write it: torch's pooling after every rectifier, not before it."""
    assert isinstance(made, nn.Sequential)
    layers = list(copy.deepcopy(made))
    swapped = 0
    for i, layer in enumerate(layers):
        if isinstance(layer, MaxPool2d):
            assert isinstance(layers[i + 1], nn.ReLU)
            layers[i : i + 2] = [nn.ReLU(), nn.MaxPool2d(2)]
            swapped += 1
    assert swapped >= 2
    return nn.Sequential(*layers)


def batches(size: int) -> list[tuple[Tensor, Tensor]]:
    """Noise with blank parts, so that pixels of a window tie."""
    drawn = torch.Generator().manual_seed(1)
    images = torch.randn(STEPS, size, 1, 8, 8, generator=drawn)
    images[..., :4] = 0.0
    images[:, 0] = 0.0
    return list(zip(images, torch.randint(10, (STEPS, size), generator=drawn), strict=True))


def solo(made: nn.Module, size: int) -> list[Tensor]:
    """Losses, gradients and parameters of some steps."""
    seen: list[Tensor] = []
    parameters = list(made.parameters())
    for images, labels in batches(size):
        loss = CLASSIFICATION.loss(made(images), labels).mean()
        gradients = torch.autograd.grad(loss, parameters)
        seen += [loss.detach(), *gradients]
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.sub_(gradient * 0.05)
    return [*seen, *(p.detach() for p in parameters)]


def stacked(made: nn.Module, size: int) -> list[Tensor]:
    """The same of four members, as a stacked lane computes them."""
    members = [copy.deepcopy(made) for _ in range(4)]
    for k, member in enumerate(members):
        with torch.no_grad():
            for parameter in member.parameters():
                parameter.mul_(1 + k / 10)
    state, _ = stack_module_state(members)
    seen: list[Tensor] = []

    def score(own: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return CLASSIFICATION.loss(functional_call(made, own, (images,)), labels).mean()

    for images, labels in batches(size):
        shared = (x.expand(4, *x.shape).contiguous() for x in (images, labels))
        losses = vmap(score)(state, *shared)
        gradients = torch.autograd.grad(losses.sum(), list(state.values()))
        seen += [losses.detach(), *gradients]
        with torch.no_grad():
            for parameter, gradient in zip(state.values(), gradients, strict=True):
                parameter.sub_(gradient * 0.05)
    return [*seen, *(p.detach() for p in state.values())]


@pytest.mark.parametrize("size", [1, 5, 64])
@pytest.mark.parametrize("kernel", [solo, stacked], ids=["solo", "stacked"])
@pytest.mark.parametrize("name", NETWORKS)
def test_pooling_first_changes_no_bit(name: str, kernel: Kernel, size: int) -> None:
    """Losses, all gradients and parameters of several steps, in single precision.

    Where torch's pooling hands back gradients that lie otherwise, dense layers' products add in
    another order, and local ones' of single images; theirs are equal to rounding.
    """
    torch.manual_seed(0)
    ours = network(name).factory(Task(channels=1, height=8, width=8, classes=10))
    theirs = rectified_first(ours)
    for left, right in zip(kernel(ours, size), kernel(theirs, size), strict=True):
        assert left.isfinite().all()
        if name == "dense" or (name == "local" and size == 1):
            torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-7)
        else:
            assert torch.equal(left, right)

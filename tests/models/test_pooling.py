"""Max pooling: torch's numbers, with and without a gradient, alone and under vmap."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import vmap

from models.layers.pooling import MaxPool2d

SIZES = [(2, 3, 4, 4), (64, 8, 8, 8), (3, 2, 5, 7), (1, 1, 2, 2), (7, 4, 28, 28)]


@pytest.fixture(params=SIZES, ids=str)
def images(request: pytest.FixtureRequest) -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(request.param).relu()  # with ties


def test_evaluation_gives_torchs_numbers(images: torch.Tensor) -> None:
    with torch.no_grad():
        assert torch.equal(MaxPool2d()(images), nn.MaxPool2d(2)(images))


def test_evaluation_under_vmap_gives_torchs_numbers(images: torch.Tensor) -> None:
    members = torch.stack([images, -images, images.flip(0)])
    with torch.no_grad():
        assert torch.equal(vmap(MaxPool2d())(members), nn.MaxPool2d(2)(members.flatten(0, 1)).view(
            len(members), len(images), images.shape[1], images.shape[2] // 2, images.shape[3] // 2
        ))  # fmt: skip


def test_training_gives_torchs_numbers_and_gradients(images: torch.Tensor) -> None:
    images.requires_grad_()
    ours, theirs = MaxPool2d()(images), nn.MaxPool2d(2)(images)
    assert torch.equal(ours, theirs)
    along = torch.randn_like(ours)
    gradients = [torch.autograd.grad(pooled, images, along)[0] for pooled in (ours, theirs)]
    assert torch.equal(*gradients)


def test_evaluation_keeps_what_is_not_finite() -> None:
    images = torch.zeros(1, 1, 4, 4)
    images[0, 0, 1, 1], images[0, 0, 2, 2] = torch.nan, torch.inf
    with torch.no_grad():
        pooled = MaxPool2d()(images)[0, 0]
    assert pooled[0, 0].isnan()
    assert pooled[1, 1] == torch.inf
    assert pooled[0, 1] == pooled[1, 0] == 0


def test_what_pooling_leaves_nothing_of_is_refused_as_by_torch() -> None:
    with torch.no_grad(), pytest.raises(RuntimeError, match="too small"):
        MaxPool2d()(torch.zeros(1, 1, 1, 4))

"""How outputs are scored."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from models.task import CLASSIFICATION


def scored(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Losses and the gradient of their mean."""
    losses = CLASSIFICATION.loss(outputs, targets)
    return losses.detach(), torch.autograd.grad(losses.mean(), outputs)[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("examples", [1, 5, 64, 301])
def test_the_loss_is_torchs_cross_entropy_to_the_bit(examples: int, dtype: torch.dtype) -> None:
    drawn = torch.Generator().manual_seed(examples)
    outputs = (torch.randn(examples, 10, generator=drawn, dtype=dtype) * 20).requires_grad_()
    targets = torch.randint(10, (examples,), generator=drawn)
    expected = cross_entropy(outputs, targets, reduction="none")
    losses, gradient = scored(outputs, targets)
    assert torch.equal(losses, expected)
    assert torch.equal(gradient, torch.autograd.grad(expected.mean(), outputs)[0])


def test_outputs_that_are_not_finite_have_no_finite_loss() -> None:
    outputs = torch.tensor([[1.0, float("inf")], [float("nan"), 0.0]], requires_grad=True)
    losses, _ = scored(outputs, torch.tensor([0, 1]))
    assert not losses.isfinite().any()

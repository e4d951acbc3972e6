"""Notes: networks "simply learn a flipped kernel if we use the true convolution operation"."""

from __future__ import annotations

import torch
from hypothesis import given
from torch import Tensor, nn

from models.conv import conv
from models.conv_true import conv_true
from models.layers.convolution import Convolution2d
from pipeline.images import Prepared
from tests.models.geometries import Case, cases


@given(cases())
def test_true_convolution_is_cross_correlation_with_the_kernel_flipped(case: Case) -> None:
    torch.manual_seed(0)
    true = Convolution2d(case.inputs, case.outputs, true=True, **case.arguments).double()
    plain = Convolution2d(case.inputs, case.outputs, **case.arguments).double()
    flip(plain, true)
    x = torch.randn(case.batch, case.inputs, *case.size, dtype=torch.float64)
    try:
        hidden = plain(x)
    except ValueError:
        return
    torch.testing.assert_close(true(x), hidden, rtol=1e-12, atol=1e-12)


def flip(source: nn.Module, target: nn.Module) -> None:
    """Copy parameters, kernels of convolutions flipped."""
    with torch.no_grad():
        for left, right in zip(source.parameters(), target.parameters(), strict=True):
            right.copy_(left.flip(-2, -1) if left.dim() == 4 else left)


def losses(network: nn.Module, images: Tensor, labels: Tensor) -> list[float]:
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    curve: list[float] = []
    for step in range(60):
        batch = slice(32 * (step % 20), 32 * (step % 20) + 32)
        loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        curve.append(loss.item())
    return curve


def test_training_learns_the_flipped_kernels_on_the_same_loss_curve(prepared: Prepared) -> None:
    torch.manual_seed(0)
    plain, true = conv(prepared.task).double(), conv_true(prepared.task).double()
    flip(plain, true)
    images = torch.from_numpy(prepared.train.images).double() / 16
    labels = torch.from_numpy(prepared.train.labels)
    before = [p.detach().clone() for p in plain.parameters()]
    expected, curve = losses(plain, images, labels), losses(true, images, labels)
    assert expected[-1] < 0.5 * expected[0]
    torch.testing.assert_close(torch.tensor(curve), torch.tensor(expected), rtol=1e-9, atol=1e-12)
    for start, left, right in zip(before, plain.parameters(), true.parameters(), strict=True):
        learnt = left.flip(-2, -1) if left.dim() == 4 else left
        assert (left - start).abs().max() > 0.01
        torch.testing.assert_close(right, learnt, rtol=1e-8, atol=1e-10)

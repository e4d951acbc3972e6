"""Probes against known truths: python -m benchmarks.probe_truths [--draws 2000].

Exits non-zero on a miss.

Linear regression: y = wᵀx + e, x ~ N(0, diag(h)), e ~ N(0, s²), loss ½(θᵀx − y)². With d = θ − w:
G = H·d, and the covariance of xxᵀd − xe is (dᵀHd + s²)·H + H·d·dᵀ·H (Isserlis), so that
|G|² = |Hd|² and tr Σ = (dᵀHd + s²)·tr H + |Hd|². Gradients come from the road that training probes
take: `pipeline.probes.landscape` on a linear network.

Sharpness: the Hessian of small networks, column by column, and a dense eigensolver in float64.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn

from models.registry import network
from models.task import CLASSIFICATION, Objective, Task
from pipeline.probes.landscape import Landscape
from pipeline.probes.noise_scale import gradient_noise
from pipeline.probes.prober import PRODUCTS, STARTS, TOLERANCE
from pipeline.probes.sharpness import largest_eigenvalue

__all__ = ["BATCHES", "PROBE_SETS", "Bias", "noise_scale_bias", "sharpness_errors"]

PROBE_SETS: Final = (64, 256, 1024)
BATCHES: Final = 16  # examples per batch where the batch estimator is tested
_FEATURES: Final = 10
_NOISE: Final = 0.5  # s


@dataclass(frozen=True)
class Bias:
    """A mean over draws against its truth.

    Attributes:
        name: What is estimated.
        truth: Its value.
        mean: Over draws; of the quotient, the quotient of means.
        error: Monte Carlo standard error of the mean.
    """

    name: str
    truth: float
    mean: float
    error: float

    @property
    def z(self) -> float:
        """Bias in standard errors."""
        return (self.mean - self.truth) / self.error


def noise_scale_bias(examples: int, draws: int, group: int = 1) -> tuple[Bias, Bias, Bias]:
    """Bias of |G|², of tr Σ and of the quotient of their means, on linear regression.

    Args:
        examples: Of the probe set.
        draws: Independent probe sets.
        group: Examples per batch; 1 takes per-example gradients.

    Returns:
        One each.
    """
    generator = torch.Generator().manual_seed(examples + group)
    scales = torch.arange(1, _FEATURES + 1, dtype=torch.float64).rsqrt()  # h_i = 1/i
    away = torch.full((_FEATURES,), 0.1, dtype=torch.float64)  # d; w = 0
    found = torch.empty(draws, 2, dtype=torch.float64)
    for draw in range(draws):
        x = torch.randn(examples, _FEATURES, dtype=torch.float64, generator=generator) * scales
        y = _NOISE * torch.randn(examples, dtype=torch.float64, generator=generator)
        landscape = _regression(away, x, y, group)
        both = gradient_noise(landscape.group_gradients(), group)
        found[draw] = torch.tensor([both.signal, both.noise])
    signal, noise = _truth(scales.square(), away)
    means, covariance = found.mean(dim=0), torch.cov(found.T) / draws
    ratio = float(means[1] / means[0])
    slope = torch.stack([-means[1] / means[0] ** 2, 1 / means[0]])  # of the quotient, delta method
    return (
        Bias("|G|²", signal, float(means[0]), math.sqrt(float(covariance[0, 0]))),
        Bias("tr Σ", noise, float(means[1]), math.sqrt(float(covariance[1, 1]))),
        Bias("B_simple", noise / signal, ratio, math.sqrt(float(slope @ covariance @ slope))),
    )


def sharpness_errors(steps: int, seeds: int, tries: int) -> Iterator[tuple[str, float, float, int]]:
    """Lanczos against a dense eigensolver, on networks trained for some steps of gradient descent.

    Args:
        steps: Of descent at learning rate 0.1, from a fresh start.
        seeds: Networks of each kind.
        tries: Searches with fresh random vectors, for each of them.

    Yields:
        Kind, dense eigenvalue, the one found, products that it took.
    """
    for name, make in (("softmax regression", _linear), ("mlp", _mlp), ("conv", _conv)):
        for seed in range(seeds):
            torch.manual_seed(seed)
            module = make().double()
            x = torch.randn(64, 1, 8, 8, dtype=torch.float64)
            y = (x.flatten(1)[:, :10] + torch.randn(64, 10, dtype=torch.float64)).argmax(1)
            optimiser = torch.optim.SGD(module.parameters(), 0.1)
            for _ in range(steps):
                optimiser.zero_grad()
                CLASSIFICATION.loss(module(x), y).mean().backward()
                optimiser.step()
            landscape = Landscape(
                module, CLASSIFICATION, dict(module.named_parameters()), {}, (x, y), 1
            )
            product = landscape.hessian_product()
            units = torch.eye(len(landscape.parameters), dtype=torch.float64)
            hessian = torch.stack([product(unit) for unit in units])
            dense = float(torch.linalg.eigvalsh(hessian)[-1])
            for _ in range(tries):
                drawn = torch.randn(STARTS, len(hessian), dtype=torch.float64)
                found = largest_eigenvalue(hessian.mv, drawn, TOLERANCE, PRODUCTS)
                yield name, dense, found.value, found.products


def main() -> int:
    """Print both tables.

    Returns:
        Exit status: 1 if a bias reaches 3 standard errors or an eigenvalue is off by 1 %.
    """
    parser = argparse.ArgumentParser(description="Probes against known truths")
    parser.add_argument("--draws", type=int, default=2000, help="probe sets of each size")
    draws: int = parser.parse_args().draws
    torch.set_num_threads(1)  # small products: more threads only wait for each other
    missed = False
    print(f"linear regression, {draws:,} draws: mean (Monte Carlo standard error), bias in errors")
    for group in (1, BATCHES):
        for examples in PROBE_SETS:
            kind = "per example" if group == 1 else f"batches of {group}"
            for bias in noise_scale_bias(examples, draws, group):
                missed |= abs(bias.z) >= 3
                print(
                    f"{kind:15} n = {examples:5,}  {bias.name:9} true {bias.truth:9.5f}  "
                    f"found {bias.mean:9.5f} ({bias.error:.5f})  {bias.z:+.2f}"
                )
    print("largest eigenvalue against a dense eigensolver, worst of 5 seeds by 20 tries")
    for steps in (0, 20, 100):
        worst: dict[str, tuple[float, int]] = {}
        for name, dense, value, products in sharpness_errors(steps, seeds=5, tries=20):
            off, most = worst.get(name, (0.0, 0))
            worst[name] = max(off, abs(value / dense - 1)), max(most, products)
        for name, (off, most) in worst.items():
            missed |= off >= 0.01
            print(f"{name:19} after {steps:3} steps: off by {off:.4%}, at most {most} products")
    return int(missed)


def _regression(away: Tensor, x: Tensor, y: Tensor, group: int) -> Landscape:
    module = nn.Sequential(nn.Flatten(), nn.Linear(len(away), 1, bias=False)).double()
    objective = Objective("regression", _squares, _squares)
    return Landscape(module, objective, {"1.weight": away[None]}, {}, (x[:, None, None], y), group)


def _squares(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs[:, 0] - targets).square() / 2


def _truth(curvature: Tensor, away: Tensor) -> tuple[float, float]:
    signal = float((curvature * away).square().sum())
    mean_square = float((curvature * away.square()).sum()) + _NOISE**2
    return signal, mean_square * float(curvature.sum()) + signal


def _linear() -> nn.Module:
    return network("linear").factory(Task(1, 8, 8, 10))


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 10))


def _conv() -> nn.Module:
    body = (nn.Conv2d(1, 4, 3, padding=1), nn.Tanh(), nn.AvgPool2d(4), nn.Flatten())
    return nn.Sequential(*body, nn.Linear(16, 10))


if __name__ == "__main__":
    sys.exit(main())

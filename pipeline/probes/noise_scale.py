"""The two parts of the gradient noise scale, from gradients of disjoint groups of examples."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["GradientNoise", "gradient_noise"]


@dataclass(frozen=True)
class GradientNoise:
    """Both parts of B_simple = noise / signal, in squared units of the gradient.

    Each is unbiased, their quotient is not: average either over replicates or evaluations first,
    then divide. An estimate of |G|² may be negative; that is information, never clamp it.

    Attributes:
        signal: Estimate of |G|², the squared norm of the mean gradient.
        noise: Estimate of tr Σ, the trace of the covariance of per-example gradients.
    """

    signal: float
    noise: float


def gradient_noise(
    gradients: Iterable[Tensor], group: int, population: int | None = None
) -> GradientNoise:
    """Unbiased |G|² and tr Σ from the gradients of disjoint groups.

    With b examples a group, n in all, s the mean of the groups' squared norms and |G_n|² the
    squared norm of their mean: tr Σ = (s − |G_n|²) / (1/b − 1/n) and
    |G|² = |G_n|² − (1/n − 1/N)·tr Σ. For N = ∞ the latter is (n·|G_n|² − b·s) / (n − b). Source:
    McCandlish et al. 2018 (arXiv 1812.06162), appendix A.1; the finite N is Cochran 1977, "Sampling
    Techniques", theorem 2.2, and matters where n is no small part of N: with n = N the mean
    gradient is known exactly, and nothing is to be subtracted.

    Args:
        gradients: Of the mean loss of each group, in chunks [g, P]; all groups of one size.
        group: Examples b of a group; 1 where gradients are per example.
        population: Examples N that the probe set was drawn from without replacement, whose mean
            gradient G is; None where examples were drawn independently from a distribution.

    Returns:
        Both parts; NaN where the gradients of fewer than two groups are given, or overflow.
    """
    groups, squares, total = 0, 0.0, None
    for chunk in gradients:
        groups += len(chunk)
        squares += float(chunk.double().square().sum())
        part = chunk.sum(dim=0, dtype=torch.float64)
        total = part if total is None else total + part
    if total is None or groups < 2:
        return GradientNoise(math.nan, math.nan)
    examples = groups * group
    mean_square = float((total / groups).square().sum())
    noise = (squares / groups - mean_square) / (1 / group - 1 / examples)
    unseen = 1 / examples - (1 / population if population else 0.0)
    return GradientNoise(mean_square - unseen * noise, noise)

"""The estimators against cases whose answer is known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch

from benchmarks.probe_truths import BATCHES, PROBE_SETS, noise_scale_bias, sharpness_errors
from pipeline.probes.keskar import keskar_sharpness
from pipeline.probes.noise_scale import gradient_noise
from pipeline.probes.schedule import probe_steps
from pipeline.probes.sharpness import largest_eigenvalue


def definition(gradients: np.ndarray) -> tuple[float, float]:
    """|G|² and tr Σ of a finite population, with N − 1 in the covariance."""
    deviations = gradients - gradients.mean(axis=0)
    signal = float(np.sum(gradients.mean(axis=0) ** 2))
    return signal, float(np.sum(deviations**2) / (len(gradients) - 1))


@pytest.mark.parametrize("examples", [2, 3, 5, 6])
def test_all_probe_sets_of_a_population_average_to_the_truth(examples: int) -> None:
    """Unbiased to the last digit: every set that could have been drawn is."""
    population = np.random.default_rng(0).normal(0.3, 1, size=(6, 4))
    drawn = [
        gradient_noise([torch.tensor(population[list(chosen)])], 1, len(population))
        for chosen in itertools.combinations(range(6), examples)
    ]
    signal, noise = definition(population)
    assert np.mean([found.signal for found in drawn]) == pytest.approx(signal, rel=1e-12)
    assert np.mean([found.noise for found in drawn]) == pytest.approx(noise, rel=1e-12)


def test_groups_average_to_the_truth_as_well() -> None:
    population = np.random.default_rng(1).normal(0.3, 1, size=(6, 4))
    drawn = [
        gradient_noise([torch.tensor(population[list(order)].reshape(2, 2, 4).mean(1))], 2, 6)
        for order in itertools.permutations(range(6), 4)
    ]
    signal, noise = definition(population)
    assert np.mean([found.signal for found in drawn]) == pytest.approx(signal, rel=1e-12)
    assert np.mean([found.noise for found in drawn]) == pytest.approx(noise, rel=1e-12)


def test_without_a_population_it_is_the_published_formula() -> None:
    gradients = torch.randn(12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = gradient_noise(gradients.split(5), 1)
    small, big = float((gradients**2).sum(1).mean()), float((gradients.mean(0) ** 2).sum())
    assert found.signal == pytest.approx((12 * big - 1 * small) / (12 - 1), rel=1e-12)
    assert found.noise == pytest.approx((small - big) / (1 - 1 / 12), rel=1e-12)


def test_nothing_is_clamped_and_too_little_is_not_a_number() -> None:
    opposed = torch.tensor([[1.0], [-1.0]])
    assert gradient_noise([opposed], 1).signal == -1
    assert math.isnan(gradient_noise([opposed[:1]], 1).signal)
    assert math.isnan(gradient_noise([], 1).noise)


@pytest.mark.parametrize("examples", PROBE_SETS)
def test_noise_scale_of_a_linear_regression_is_unbiased(examples: int) -> None:
    """300 draws; `python -m benchmarks.probe_truths` makes 2,000."""
    for estimate in noise_scale_bias(examples, draws=300):
        assert abs(estimate.z) < 4, estimate


def test_batches_of_a_linear_regression_give_the_same_truth() -> None:
    for estimate in noise_scale_bias(256, draws=300, group=BATCHES):
        assert abs(estimate.z) < 4, estimate


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("top", ["apart", "crowded", "negative"])
def test_lanczos_finds_the_largest_eigenvalue(seed: int, top: str) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.linspace(-1, 1, 200, dtype=torch.float64)
    if top == "apart":
        values[-1] = 3
    if top == "negative":
        values = values - 5  # the largest is not the largest in magnitude
    basis, _ = torch.linalg.qr(torch.randn(200, 200, dtype=torch.float64, generator=generator))
    matrix = basis @ torch.diag(values) @ basis.T
    starts = torch.randn(2, 200, dtype=torch.float64, generator=generator)
    found = largest_eigenvalue(lambda v: matrix @ v, starts, 1e-3, 200)
    assert found.value == pytest.approx(float(values.max()), rel=0.01)
    assert found.residual <= 1e-3 * abs(found.value)
    assert found.products < 100 if top == "apart" else True


def test_lanczos_says_what_it_could_not_resolve() -> None:
    matrix = torch.diag(torch.linspace(0, 1, 500, dtype=torch.float64))
    start = torch.ones(1, 500, dtype=torch.float64)
    found = largest_eigenvalue(lambda v: matrix @ v, start, 1e-9, 5)
    assert found.products == 5
    assert found.residual > 1e-9 * found.value
    assert found.value < 1
    broken = largest_eigenvalue(lambda v: v * math.nan, start, 1e-3, 5)
    assert math.isnan(broken.value)


def test_keskar_finds_the_corner_of_the_box() -> None:
    """½·Σh·x² is highest at the corner that lies furthest from 0."""
    curvature, start = np.array([1.0, 4.0, 9.0]), np.array([0.5, -1.0, 2.0])

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        return float(np.sum(curvature * x**2) / 2), curvature * x

    corner = np.abs(start) + 0.01 * (np.abs(start) + 1)
    expected = 100 * (loss(corner)[0] - loss(start)[0]) / (1 + loss(start)[0])
    assert keskar_sharpness(loss, start, 0.01) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("steps", [0, 30])
def test_sharpness_of_small_networks_is_that_of_a_dense_eigensolver(steps: int) -> None:
    for name, dense, value, _ in sharpness_errors(steps, seeds=2, tries=5):
        assert value == pytest.approx(dense, rel=0.01), name


def test_probes_lie_a_ratio_apart() -> None:
    steps = (0, 1, 2, 3, 4, 5, 7, 8, 11, 16, 30, 31)
    assert sorted(probe_steps(steps, 2.0)) == [0, 1, 2, 4, 8, 16, 31]
    assert sorted(probe_steps(steps, 100.0)) == [0, 1, 31]
    assert sorted(probe_steps((0,), 2.0)) == [0]

"""The surface of a tune: against a direct transcription, and where the answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.tune.process import Process, Shape, fit

Array = NDArray[np.float64]


def twin_eq_2_25(process: Process, values: Array, at: Array) -> tuple[Array, Array]:
    """Rasmussen and Williams, eq. 2.25 and 2.26, with an inverse and loops."""
    shear, along, across, noise = process.shape

    def k(p: Array, q: Array) -> float:
        b, x = p - q
        r = math.sqrt(5 * ((b / along) ** 2 + ((x - shear * b) / across) ** 2))
        return (1 + r + r * r / 3) * math.exp(-r)

    seen = process.settings
    inverse = np.linalg.inv(np.array([[k(p, q) for q in seen] for p in seen])
                            + noise * np.eye(len(seen)))  # fmt: skip
    between = np.array([[k(p, q) for q in seen] for p in at])
    means = values.mean() + between @ inverse @ (values - values.mean())
    variances = 1 - np.einsum("ij,jk,ik->i", between, inverse, between)
    return means, process.scale * np.sqrt(variances)


@pytest.fixture
def seen() -> tuple[Array, Array]:
    generator = np.random.default_rng(3)
    settings = np.column_stack([generator.uniform(0, 10, 13), generator.uniform(-8, 3, 13)])
    valley = np.abs(settings[:, 1] - settings[:, 0] + 6)
    return settings, np.minimum(valley, 3.0) + 0.1 * generator.standard_normal(13)


def test_the_posterior_is_that_of_the_book(seen: tuple[Array, Array]) -> None:
    process = fit(*seen)
    at = np.array([[0.0, -8.0], [5.5, -1.0], seen[0][0]])
    means, deviations = process.at(at)
    expected, spread = twin_eq_2_25(process, seen[1], at)
    assert means == pytest.approx(expected)
    assert deviations == pytest.approx(spread)


def test_seeing_more_is_fitting_more_at_the_same_shape(seen: tuple[Array, Array]) -> None:
    settings, values = seen
    process = fit(settings, values)
    there = np.array([[3.0, -3.0], [7.0, 1.0]])
    more = process.seeing(there, process.at(there)[0])
    means, deviations = process.at(there)
    again, surer = more.at(there)
    assert again == pytest.approx(means)  # it was told what it expected
    assert np.all(surer < deviations)
    assert more.shape == process.shape


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
def test_the_slope_of_a_valley_is_found(slope: float) -> None:
    generator = np.random.default_rng(1)
    settings = np.column_stack([generator.uniform(0, 10, 60), generator.uniform(-8, 3, 60)])
    off = settings[:, 1] + 4 - slope * (settings[:, 0] - 5)
    process = fit(settings, np.minimum(off**2, 4.0))
    assert process.shape.shear == slope


def test_a_flat_surface_is_no_error() -> None:
    settings = np.array([[0.0, 0.0], [1.0, 2.0], [3.0, 1.0]])
    means, deviations = fit(settings, np.full(3, 7.0)).at(settings)
    assert means == pytest.approx(np.full(3, 7.0))
    assert np.all(np.isfinite(deviations))


def test_far_from_all_it_expects_the_mean() -> None:
    settings = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 0.5]])
    process = fit(settings, np.array([1.0, 2.0, 6.0]))
    means, deviations = process.at(np.array([[500.0, 0.0]]))
    assert means == pytest.approx([3.0])
    assert deviations == pytest.approx([process.scale])
    assert isinstance(process.shape, Shape)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from pipeline.vertex import vertex


def parabola(
    rng: np.random.Generator, noise: float, at: float = 0.7, points: int = 5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three replicates with shifted grids and offsets of their own."""
    group = np.repeat(np.arange(3), points)
    x = np.tile(np.linspace(-1, 2, points), 3) + np.repeat(rng.uniform(-0.3, 0.3, 3), points)
    y = (x - at) ** 2 + np.repeat(rng.normal(size=3), points) + noise * rng.normal(size=len(x))
    return x, y, group


@settings(deadline=None)
@given(
    at=st.floats(-5, 5),
    shift=st.floats(-1e3, 1e3),
    bend=st.floats(0.1, 100),
    offset=st.floats(-100, 100),
)
def test_an_exact_parabola_gives_its_vertex(
    at: float, shift: float, bend: float, offset: float
) -> None:
    x = np.linspace(-1, 1, 6) + shift
    found = vertex(x, bend * (x - shift - at) ** 2 + offset, np.zeros(6, dtype=int), 0.95)
    assert found is not None
    assert found.value == pytest.approx(shift + at, abs=1e-6 * (1 + abs(shift)))
    assert found.low <= found.value <= found.high


def test_offsets_of_replicates_do_not_move_it() -> None:
    x, y, group = parabola(np.random.default_rng(0), 0.05)
    first = vertex(x, y, group, 0.95)
    second = vertex(x, y + 10.0 * group, group, 0.95)
    assert first.value == pytest.approx(second.value)
    assert (first.low, first.high) == pytest.approx((second.low, second.high))


def test_a_slow_twin_finds_the_same() -> None:
    """Dummy variables and lstsq; the interval by scanning |b + 2 c x| ≤ t · se(b + 2 c x)."""
    x, y, group = (column[:-2] for column in parabola(np.random.default_rng(1), 0.2))
    design = np.column_stack([group == 0, group == 1, group == 2, x, x**2]).astype(float)
    solved, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
    covariance = np.linalg.inv(design.T @ design)[3:, 3:] * squares[0] / (len(x) - 5)
    b, c = solved[3:]
    scan = np.linspace(-3, 4, 700_001)
    slope = np.column_stack([np.ones_like(scan), 2 * scan])
    error = np.sqrt(np.einsum("ij,jk,ik->i", slope, covariance, slope))
    inside = scan[np.abs(b + 2 * c * scan) <= stats.t.ppf(0.975, len(x) - 5) * error]
    found = vertex(x, y, group, 0.95)
    assert found.value == pytest.approx(-b / 2 / c)
    assert (found.low, found.high) == pytest.approx((inside[0], inside[-1]), abs=2e-5)


def test_the_interval_covers_the_planted_vertex() -> None:
    """1,000 tables, standard error 0.7 %; the band holds a correct method 999 times in 1,000."""
    rng = np.random.default_rng(2)
    intervals = [vertex(*parabola(rng, 0.3), 0.95) for _ in range(1000)]
    covers = [
        found is not None
        and (found.low is None or found.low <= 0.7)
        and (found.high is None or found.high >= 0.7)
        for found in intervals
    ]
    low, high = stats.binom.interval(0.999, 1000, 0.95)
    assert low <= sum(covers) <= high
    errors = np.array([found.value for found in intervals]) - 0.7
    assert abs(errors.mean()) < 3 * errors.std() / np.sqrt(1000)


def test_a_curvature_lost_in_noise_leaves_it_unbounded() -> None:
    x = np.linspace(-1, 1, 6)
    y = 0.01 * x**2 + np.array([1, -1, 1, 1, -1, 1.0])
    found = vertex(x, y, np.zeros(6, dtype=int), 0.95)
    assert found is not None
    assert (found.low, found.high) == (None, None)


@pytest.mark.parametrize(
    ("x", "y", "group"),
    [
        ([], [], []),
        ([0.0, 1, 2], [1, 0, 1.0], [0, 0, 0]),  # no degree of freedom
        ([0.0, 1, 2, 3, 4], [0, -1, -4, -9, -16.0], [0] * 5),  # opens downwards
        ([0.0, 1, 2, 3, 4], [0, 1, 2, 3, 4.0], [0, 1, 2, 3, 4]),  # a point a replicate
        ([0.0, 0, 1, 1, 0, 1], [3, 3.1, 1, 1.1, 3, 1.0], [0] * 6),  # two learning rates
        ([1.0] * 6, [3, 3.1, 1, 1.1, 3, 1.0], [0] * 6),  # one
    ],
)
def test_no_minimum_to_speak_of_is_none(x: list[float], y: list[float], group: list[int]) -> None:
    assert vertex(np.array(x), np.array(y), np.array(group, dtype=int), 0.95) is None


@settings(deadline=None)
@given(
    y=st.lists(st.floats(0, 60), min_size=8, max_size=8),
    x=st.lists(st.floats(-10, 10), min_size=8, max_size=8),
    seed=st.integers(0, 100),
)
def test_any_table_gives_numbers_and_their_order_moves_no_digit(
    x: list[float], y: list[float], seed: int
) -> None:
    group = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    first = vertex(np.array(x), np.array(y), group, 0.95)
    order = np.random.default_rng(seed).permutation(8)
    assert vertex(np.array(x)[order], np.array(y)[order], group[order], 0.95) == first
    if first is not None:
        parts = [first.value, *(limit for limit in (first.low, first.high) if limit is not None)]
        assert all(np.isfinite(parts))

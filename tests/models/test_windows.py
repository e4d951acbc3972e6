"""Receptive fields and use of pixels, by formula against what a stack of layers really reads."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from models.arithmetic.pixel_use import pixel_use
from models.arithmetic.receptive_field import receptive_field
from models.arithmetic.windows import Window

WINDOWS = st.builds(
    Window, st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.integers(0, 2),
    st.integers(1, 2),
)  # fmt: skip
STACKS = st.lists(WINDOWS, min_size=1, max_size=4)


def reads(size: int, windows: list[Window]) -> np.ndarray:
    """Whether each unit of the last layer reads each pixel, [units, pixels], by gradients."""
    signal = torch.zeros(1, 1, size, dtype=torch.float64, requires_grad=True)
    hidden = signal
    for w in windows:
        ones = torch.ones(1, 1, w.kernel, dtype=torch.float64)
        padded = nn.functional.pad(hidden, (w.before, w.after))
        hidden = nn.functional.conv1d(padded, ones, stride=w.stride, dilation=w.dilation)
    rows = [torch.autograd.grad(unit, signal, retain_graph=True)[0][0, 0] for unit in hidden[0, 0]]
    return (torch.stack(rows) > 0).numpy()


def fits(size: int, windows: list[Window]) -> bool:
    try:
        for window in windows:
            size = window.output_size(size)
    except ValueError:
        return False
    return True


@given(st.integers(1, 16), STACKS)
def test_receptive_field_and_use_are_those_of_the_layers(size: int, windows: list[Window]) -> None:
    if not fits(size, windows):
        with pytest.raises(ValueError, match="exceeds"):
            pixel_use(size, windows)
        return
    read = reads(size, windows)
    assert pixel_use(size, windows) == tuple(read.sum(axis=0))
    field = receptive_field(windows)
    for unit, pixels in enumerate(read):
        extent = field.extent(unit)
        inside = np.flatnonzero(pixels)
        if extent.start >= 0 and extent.stop <= size:
            assert (inside[0], inside[-1]) == (extent[0], extent[-1])
            assert field.centre(unit) == (inside[0] + inside[-1]) / 2
        assert set(inside) <= set(extent)


def test_neighbouring_units_are_a_jump_apart() -> None:
    field = receptive_field([Window(5), Window(2, 2), Window(5), Window(2, 2)])  # LeNet-5
    assert (field.size, field.jump, field.start) == (16, 4, 0)
    assert field.centre(1) - field.centre(0) == 4
    assert field.centre(0) == 7.5
    assert receptive_field([]).extent(3) == range(3, 4)


@pytest.mark.parametrize("depth", range(1, 6))
def test_each_3x3_layer_widens_the_field_by_2(depth: int) -> None:
    field = receptive_field([Window(3, before=1, after=1)] * depth)
    assert field.size == 2 * depth + 1
    assert field.centre(4) == 4  # same padding keeps centres where they were


def use_of(image: int, window: Window) -> np.ndarray:
    along = np.array(pixel_use(image, [window]))
    return np.outer(along, along)


def test_corner_pixels_are_used_once_without_padding() -> None:
    """Notes, Padding: "the 4 corner pixels are only used once"; with stride 1 and no padding."""
    use = use_of(7, Window(5))
    corners = use[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.tolist() == [1, 1, 1, 1]
    assert use.max() == 9  # min(k, n − k + 1)², in the middle
    assert use[0].tolist() == [1, 2, 3, 3, 3, 2, 1]


def test_corner_pixels_are_used_more_often_with_padding() -> None:
    """Same padding of a 5×5 window: 3×3 windows hold a corner, 5×5 a pixel inside."""
    use = use_of(9, Window(5, before=2, after=2))
    assert use[0, 0] == use[-1, -1] == 9
    assert use[4, 4] == 25


def test_a_stride_may_leave_far_corners_unused() -> None:
    """The correction's other half: with a stride the last pixels may not be used at all."""
    use = use_of(6, Window(3, stride=2))
    assert use[0, 0] == 1
    assert use[-1, -1] == 0


@pytest.mark.parametrize("bad", [{"kernel": 0}, {"stride": 0}, {"before": -1}, {"dilation": 0}])
def test_impossible_windows_are_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1, padding at least 0"):
        Window(**({"kernel": 3} | bad))

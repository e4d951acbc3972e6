"""The notes' formulas for sizes, each by name, and against torch."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import nn

from models.arithmetic.sizes import (
    output_size,
    same_padding,
    span,
    split_padding,
    transposed_size,
)

SIZES, KERNELS, STRIDES = st.integers(1, 300), st.integers(1, 20), st.integers(1, 9)


@given(SIZES, KERNELS, STRIDES, st.integers(0, 30), st.integers(1, 4))
def test_output_size_counts_positions(
    n: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    window = len(range(0, dilation * kernel, dilation))
    last = (window - 1) * dilation
    positions = len(range(0, n + padding - last, stride))
    if positions:
        assert output_size(n, kernel, stride, padding, dilation) == positions
    else:
        with pytest.raises(ValueError, match="smaller kernel or more padding"):
            output_size(n, kernel, stride, padding, dilation)


@given(
    st.integers(1, 12), st.integers(1, 5), st.integers(1, 4), st.integers(0, 4), st.integers(1, 3),
    st.integers(0, 3),
)  # fmt: skip
def test_transposed_size_is_torchs(
    n: int, kernel: int, stride: int, padding: int, dilation: int, extra: int
) -> None:
    arguments = (n, kernel, stride, 2 * padding, dilation, extra)
    layer = nn.ConvTranspose1d(1, 1, kernel, stride, padding, extra, dilation=dilation)
    try:
        expected = layer(torch.zeros(1, 1, n)).shape[-1]
    except RuntimeError:
        with pytest.raises(ValueError, match=r"use less padding|output padding"):
            transposed_size(*arguments)
        return
    assert transposed_size(*arguments) == expected


@given(SIZES, KERNELS, STRIDES, st.integers(0, 30), st.integers(1, 4))
def test_transposing_restores_the_size_up_to_output_padding(
    n: int, kernel: int, stride: int, padding: int, dilation: int
) -> None:
    assume(span(kernel, dilation) <= n + padding)
    out = output_size(n, kernel, stride, padding, dilation)
    lost = (n + padding - span(kernel, dilation)) % stride
    assert transposed_size(out, kernel, stride, padding, dilation, lost) == n


@given(SIZES, SIZES)
def test_without_padding_or_stride_the_output_is_h_minus_kh_plus_1(h: int, kh: int) -> None:
    """Notes, Padding: ``(h - kh + 1, w - kw + 1)``."""
    assume(kh <= h)
    assert output_size(h, kh) == h - kh + 1


@given(SIZES, KERNELS, st.integers(0, 40))
def test_padding_ph_makes_h_plus_ph_minus_kh_plus_1(h: int, kh: int, ph: int) -> None:
    """Notes, Padding: ``(h + ph - kh + 1, w + pw - kw + 1)``, ph in total."""
    assume(kh <= h + ph)
    assert output_size(h, kh, padding=ph) == h + ph - kh + 1


@given(SIZES, KERNELS, st.integers(1, 4))
def test_total_padding_of_kh_minus_1_preserves_the_size(h: int, kh: int, dilation: int) -> None:
    """Notes, Padding: "set ``ph = kh - 1``"; with dilation, d(kh − 1)."""
    assert same_padding(kh) == kh - 1
    assert output_size(h, kh, padding=same_padding(kh, dilation), dilation=dilation) == h


@given(SIZES, KERNELS, STRIDES)
def test_a_stride_alone_gives_floor_of_w_minus_kw_over_sw_plus_1(w: int, kw: int, sw: int) -> None:
    """Notes, Strides, 2: ``⌊(w - kw) / sw⌋ + 1``."""
    assume(kw <= w)
    assert output_size(w, kw, sw) == (w - kw) // sw + 1


@given(SIZES, KERNELS, STRIDES, st.integers(0, 15))
def test_padding_and_stride_give_the_notes_final_formula(w: int, kw: int, sw: int, p: int) -> None:
    """Notes, Strides, 3: ``⌊(w - kw + 2p) / sw⌋ + 1`` with p on both sides."""
    assume(kw <= w + 2 * p)
    assert output_size(w, kw, sw, 2 * p) == (w - kw + 2 * p) // sw + 1


@given(SIZES, st.integers(0, 10), STRIDES)
def test_when_2p_is_kw_minus_1_the_size_is_floor_of_w_plus_sw_minus_1_over_sw(
    w: int, p: int, sw: int
) -> None:
    """Notes, Strides: for odd kw; the notes ask for kw > 2, and 1 without padding does as well."""
    size = output_size(w, 2 * p + 1, sw, 2 * p)
    assert size == (w - 1) // sw + 1 == (w + sw - 1) // sw == math.ceil(w / sw)


@given(st.integers(1, 60), st.integers(0, 10), STRIDES)
def test_when_sw_divides_w_too_the_size_is_w_over_sw(times: int, p: int, sw: int) -> None:
    """Notes, Strides: "when the width w is divisible by sw, this further simplifies"."""
    w = times * sw
    assert output_size(w, 2 * p + 1, sw, 2 * p) == w / sw


def test_ten_layers_take_200_pixels_to_160() -> None:
    """The notes say 140; each 5×5 layer without padding removes 4."""
    size = 200
    for _ in range(10):
        size = output_size(size, 5)
    assert size == 160


@given(st.integers(0, 50))
def test_padding_splits_about_in_half(total: int) -> None:
    """Notes, Padding: "about half at the top, half at the bottom"."""
    before, after = split_padding(total)
    assert before + after == total
    assert 0 <= after - before <= 1


@pytest.mark.parametrize(
    "bad", [{"size": 0}, {"kernel": 0}, {"stride": 0}, {"dilation": 0}, {"padding": -1}]
)
def test_numbers_out_of_range_are_refused(bad: dict[str, int]) -> None:
    for formula in (output_size, transposed_size):
        with pytest.raises(ValueError, match=r"must be at least 1, padding -?[0-9]+ at least 0"):
            formula(**({"size": 3, "kernel": 1} | bad))


def test_negative_padding_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 0"):
        split_padding(-1)

"""Axes with ticks that a person would choose: batch sizes as measured, 1-2-5 on log axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import altair as alt

__all__ = [
    "RATE_TITLE",
    "batch_axis",
    "batch_band",
    "log_domain",
    "log_ticks",
    "log_y",
    "rate_x",
    "share_y",
]

BATCH_TITLE: Final = "Batch size (examples per step)"
RATE_TITLE: Final = "Learning rate"
_MANTISSAS: Final = ((1.2, (1, 2, 3, 5, 7)), (2.6, (1, 2, 5)), (4.2, (1, 3)), (math.inf, (1,)))
_SHARES: Final = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9)


def log_domain(values: Iterable[float], margin: float = 1.2) -> tuple[float, float]:
    """A log axis's ends: the positive finite values' range, ``margin`` wider on either side.

    At least an octave either way, so that one value alone still makes an axis.
    """
    usable = [value for value in values if 0 < value < math.inf]
    if not usable:
        return 1.0, 10.0
    low, high = min(usable), max(usable)
    if high / low < 2:
        low, high = low / 2, high * 2
    return low / margin, high * margin


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers from ``low`` to ``high``, fewer per decade the more decades there are."""
    decades = math.log10(high / low)
    mantissas = next(few for most, few in _MANTISSAS if decades <= most)
    stride = max(1, math.ceil(decades / 9))
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [
        float(f"{mantissa}e{exponent}")
        for exponent in range(first, last + 1, stride)
        for mantissa in mantissas
        if low <= float(f"{mantissa}e{exponent}") <= high
    ]


def batch_axis(sizes: Sequence[int], margin: float = 1.35) -> alt.X:
    """A log axis over ``batch_size`` with a tick at each size measured, ``margin`` times wider."""
    return (
        alt
        .X("batch_size:Q", title=BATCH_TITLE)
        .scale(type="log", domain=list(log_domain(sizes, margin)), nice=False)
        .axis(values=list(sizes), format=",d", labelOverlap="greedy", labelSeparation=3)
    )


def batch_band(sizes: Sequence[int]) -> alt.X:
    """An axis of equal bands, one for each size measured, over the text field ``size``."""
    return (
        alt
        .X("size:O", title=BATCH_TITLE)
        .scale(domain=[f"{size:,}" for size in sizes])
        .axis(labelAngle=0, labelOverlap="greedy", labelSeparation=3)
    )


def log_y(
    field: str,
    title: str,
    domain: tuple[float, float],
    *,
    form: str = ",~g",
    ticks: Sequence[float] | None = None,
) -> alt.Y:
    """A log axis over ``field``, with round ticks unless given; ``form`` is d3's number format."""
    return (
        alt
        .Y(f"{field}:Q", title=title)
        .scale(type="log", domain=list(domain), nice=False)
        .axis(values=log_ticks(*domain) if ticks is None else list(ticks), format=form)
    )


def rate_x(domain: tuple[float, float]) -> alt.X:
    """A log axis over ``learning_rate``."""
    return (
        alt
        .X("learning_rate:Q", title=RATE_TITLE)
        .scale(type="log", domain=list(domain), nice=False)
        .axis(values=log_ticks(*domain), format="~g", labelOverlap="greedy", labelSeparation=3)
    )


def share_y(field: str, title: str, values: Iterable[float]) -> alt.Y:
    """An error axis from 0, square-root so that small errors stay apart and zero has a place.

    A fifth is left free at the top. In percent where every value is a share; plain numbers
    otherwise.
    """
    top = max((value for value in values if math.isfinite(value)), default=1.0)
    if top > 1:
        return alt.Y(f"{field}:Q", title=title).scale(type="sqrt", domain=[0, top * 1.25])
    end = max(top * 1.25, 0.05)
    return (
        alt
        .Y(f"{field}:Q", title=title)
        .scale(type="sqrt", domain=[0, end], clamp=True, nice=False)
        .axis(values=[s for s in _SHARES if s <= end], format=".0%", labelOverlap="greedy")
    )

"""Numbers as people read them: ``1,347``, ``0.0316``, ``3.2 %``, and intervals of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Final, TypeVar

from pipeline.intervals import Interval

__all__ = [
    "FORMULAS",
    "HOLDS_ZERO",
    "NO_BREAK",
    "POWER",
    "UNRESOLVED",
    "detected",
    "ends",
    "number",
    "p_value",
    "percent",
    "said",
    "span",
]

T = TypeVar("T")

NO_BREAK: Final = "\u00a0"  # a space at which no line ends
UNRESOLVED: Final = "not resolved"
HOLDS_ZERO: Final = "the corrected interval of the difference holds 0"
"""The one reason for which more replicates may resolve a verdict."""
POWER: Final = 0.8
"""Probability with which a comparison finds the difference that is called detectable."""
FORMULAS: Final = {
    "constant": "η",
    "linear": "∝ B",
    "sqrt": "∝ √B",
    "power": "∝ B^α",
    "saturating": "η_max / (1 + B_n / B)",
    "surge": "η_max / (½ (√(B_n / B) + √(B / B_n)))",
}
"""Rules by which a tuned learning rate η grows with batch size B, by name."""


def number(value: float) -> str:
    """Three significant digits, and all digits of what is 1,000 or more."""
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{Decimal(f'{value:.3g}'):f}"


def p_value(probability: float) -> str:
    """Two significant digits, and no more than that it is small where it is."""
    return f"{probability:.2g}" if probability >= 0.001 else "< 0.001"


def said(value: float | None, otherwise: str) -> str:
    """A number, or what to say where there is no finite one."""
    return number(value) if value is not None and math.isfinite(value) else otherwise


def percent(share: float) -> str:
    """A share of one in percent, to a tenth."""
    return f"{100 * share:.1f}{NO_BREAK}%"


def detected(difference: float) -> str:
    """What difference a comparison would have found, and how surely."""
    return (
        f"a difference of {number(difference)} would have shown with a probability of "
        f"{100 * POWER:.0f}{NO_BREAK}%"
    )


def ends(items: Sequence[T]) -> list[T]:
    """The first and the last; one where they are the same, none where there are none."""
    return [*items[:1], *items[1:][-1:]]


def span(interval: Interval, form: Callable[[float], str] = number) -> str:
    """``30 (25 to 36)``; says so where value or limits are not resolved."""
    value, low, high = interval.value, interval.low, interval.high
    if value is None:
        return UNRESOLVED if low is None else f"at least {form(low)}"
    if low is not None and high is not None:
        return f"{form(value)} ({form(low)} to {form(high)})"
    if low is not None:
        return f"{form(value)} (at least {form(low)})"
    if high is not None:
        return f"{form(value)} (at most {form(high)})"
    return f"{form(value)} (interval {UNRESOLVED})"

"""Rounding to preferred numbers, so that an estimate that moves a little changes nothing."""

from __future__ import annotations

import math
from typing import Final

__all__ = ["preferred"]

_R10: Final = ("1", "1.25", "1.6", "2", "2.5", "3.15", "4", "5", "6.3", "8", "10")
_R20: Final = (*_R10, "1.12", "1.4", "1.8", "2.24", "2.8", "3.55", "4.5", "5.6", "7.1", "9")


def preferred(learning_rate: float, survived: float = math.inf) -> float:
    """Nearest number of the R10 series, 1 1.25 1.6 2 2.5 3.15 4 5 6.3 8 times a power of ten.

    Confirm trains this one, so that an estimate that moves a little retrains nothing; it is off by
    less than 14 %. Nearest is meant in the logarithm. Rounding must not carry it over a cliff: what
    would come out above ``survived`` and above the learning rate itself is instead the next lower
    number of the R20 series, which has one more between any two. Source: ISO 3:1973, preferred
    numbers.

    Args:
        learning_rate: A positive number.
        survived: The largest learning rate that is known to be safe.

    Returns:
        The preferred number, exactly as its decimal notation reads.

    Raises:
        ValueError: If ``learning_rate`` is not positive and finite.
    """
    if not (learning_rate > 0 and math.isfinite(learning_rate)):
        raise ValueError(f"learning_rate is {learning_rate}; it must be positive and finite")
    exponent = math.floor(math.log10(learning_rate))
    nearest = min(
        (float(f"{mantissa}e{exponent}") for mantissa in _R10),
        key=lambda number: abs(math.log(number / learning_rate)),
    )
    if nearest <= max(learning_rate, survived):
        return nearest
    # The logarithm of what lies just under a power of ten may come out as the power's.
    tens = (exponent - 1, exponent)
    candidates = (float(f"{mantissa}e{ten}") for ten in tens for mantissa in _R20)
    return max(number for number in candidates if number <= learning_rate)

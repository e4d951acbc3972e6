"""Numbers as JSON may hold them: rounded alike everywhere, and none that is not finite."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["plain_values"]

_DIGITS: Final = 10  # significant; the rest is rounding error and would differ between processors


def plain_values(value: Any) -> Any:
    """Plain values only: floats to ten digits, None for what is not finite, lists for tuples."""
    if isinstance(value, dict):
        return {key: plain_values(part) for key, part in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [plain_values(part) for part in cast("Sequence[Any]", value)]
    if isinstance(value, np.generic):
        return plain_values(cast("np.generic[Any]", value).item())
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    return value

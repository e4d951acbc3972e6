"""What estimates.json says of a network as a whole, as plain frozen values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pipeline.intervals import UNKNOWN, Interval

__all__ = ["Traits", "read_traits"]

Json = Mapping[str, Any]

_WIDE: Final = 2.0  # the factor of F1 that the page shows; 1.2 is often not resolved


@dataclass(frozen=True)
class Traits:
    """One model's.

    Attributes:
        window: F1, decades of learning rate within twice the best steps.
        wider: Whether the window goes beyond what was tried, so that it is a lower bound.
        diverged: F5, share of the box that diverges.
        rule: By which the tuned learning rate grows with batch size; None where not resolved.
        shape: The rule's second parameter, B_n or α; unknown of rules that have none.
    """

    window: Interval
    wider: bool
    diverged: Interval
    rule: str | None
    shape: Interval


def read_traits(model: Json) -> Traits:
    """Take a model's part of estimates.json, as parsed."""
    measures: Json = model["finickiness"]
    scaling: Json = model["scaling"]
    wide = _first(measures["window"], "factor", _WIDE)
    fit = _first(scaling["fits"], "rule", scaling["best"])
    return Traits(
        Interval(**wide["decades"]) if wide.get("resolved") else UNKNOWN,
        wide.get("bound") == "lower",
        Interval(**measures["divergence"]["share"]),
        scaling["best"],
        Interval(**fit["shape"]) if fit else UNKNOWN,
    )


def _first(documents: Iterable[Json], key: str, value: object) -> Json:
    """The first that has a value; an empty one where none does."""
    nothing: Json = {}
    return next((one for one in documents if one[key] == value), nothing)

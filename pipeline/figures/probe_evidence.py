"""What the report says of probes: their part of estimates.json as plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.intervals import Interval

__all__ = ["CellProbes", "Probe", "read_probes"]

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Probe:
    """Estimates at one point of training, over the tuned rule's replicates.

    Attributes:
        examples: Processed by then.
        replicates: Those whose noise scale was measured.
        noise_scale: B_simple, in examples; without upper limit where |G|² may be 0.
        sharpness: η·(λ_max + weight decay).
    """

    examples: int
    replicates: int
    noise_scale: Interval
    sharpness: Interval


@dataclass(frozen=True)
class CellProbes:
    """Everything that probes found of one cell.

    Attributes:
        group: Examples per gradient; more than 1 where the network couples examples.
        stability_limit: Sharpness at which full batches would diverge; None for a rule without.
        along: In order of steps.
    """

    group: int
    stability_limit: float | None
    along: tuple[Probe, ...]


def read_probes(found: Json | None) -> CellProbes | None:
    """Take a cell's probes, as parsed, into plain values; None where it was not probed."""
    if found is None:
        return None
    return CellProbes(
        found["group"],
        found["stability_limit"],
        tuple(
            Probe(
                point["examples"],
                point["replicates"],
                _interval(point["noise_scale"]),
                _interval(point["sharpness"]),
            )
            for point in found["along"]
        ),
    )


def _interval(numbers: Json) -> Interval:
    return Interval(numbers["value"], numbers["low"], numbers["high"])

"""The branches `confirm` and `analysis` of params.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.conflicts import Conflict, repeated
from pipeline.settings.branch import MAX_REPLICATES, Branch, Count, Fraction

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["AnalysisSettings", "ConfirmSettings", "ProbeSettings", "Rule"]


Rule = Literal["tuned", "constant", "linear", "sqrt"]


class ProbeSettings(Branch):
    """What is measured of the tuned rule's networks while they train, besides their curves."""

    noise_scale: bool
    sharpness: bool
    keskar: bool
    examples: Annotated[int, Field(ge=2)]
    ratio: Annotated[float, Field(gt=1)]


class ConfirmSettings(Branch):
    """What is trained again, with fresh replicates and to the full budget."""

    replicates: Annotated[int, Field(ge=1, le=MAX_REPLICATES)]
    reference_batch_size: Count | Literal["full", "middle"]
    rules: Annotated[tuple[Rule, ...], Field(min_length=1, strict=False)]
    probes: ProbeSettings

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("rules", self.rules)
        if "tuned" not in self.rules:
            yield Conflict(("rules",), "every rule is compared with tuned, which it lacks; add it")


class AnalysisSettings(Branch):
    """How the tables are read; nothing here trains anything."""

    confidence: Fraction

"""What every branch of the settings is: frozen, strict, and checked at birth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.conflicts import Conflict

__all__ = ["LISTED", "MAX_REPLICATES", "PILOT_REPLICATES", "Branch", "Count", "Fraction", "Seed"]

Fraction = Annotated[float, Field(gt=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
MAX_REPLICATES = 1000  # confirm's fresh replicates are numbered from here, a pilot's from twice it
PILOT_REPLICATES = 3  # their median forgives one that was lucky or unlucky
LISTED = "listed"  # tag of a list that a word may replace; pydantic puts it into an error's place


class Branch(BaseModel):
    """A branch of params.yaml; unknown and missing keys raise, and so do values that disagree."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    def _conflicts(self) -> Iterator[Conflict]:
        yield from ()

    @model_validator(mode="after")
    def _values_agree(self) -> Self:
        conflicts = tuple(self._conflicts())
        if conflicts:
            lines = [f"{'.'.join(map(str, keys))}: {message}" for keys, message in conflicts]
            context = {"conflicts": conflicts, "text": "\n".join(lines)}
            raise PydanticCustomError("conflict", "{text}", context)
        return self

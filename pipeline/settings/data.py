"""The branch `data` of params.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.conflicts import Conflict
from pipeline.settings.branch import Branch, Fraction, Seed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DataSettings"]


class DataSettings(Branch):
    """Which data set, and how it is split."""

    dataset: Annotated[str, Field(examples=["digits"])]
    split_seed: Seed
    validation_fraction: Fraction
    test_fraction: Fraction

    def _conflicts(self) -> Iterator[Conflict]:
        if self.validation_fraction + self.test_fraction >= 1:
            yield Conflict(
                ("test_fraction",),
                f"with validation_fraction {self.validation_fraction:g} it leaves nothing to train "
                "on; make their sum less than 1",
            )

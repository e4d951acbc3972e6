"""The branch `data` of params.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from pipeline.conflicts import Conflict, repeated
from pipeline.settings.branch import Branch, Count, Fraction, Seed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["DataSettings"]

Place = Annotated[
    str,
    Field(
        min_length=1,
        examples=["/data/images"],
        description="a folder or a web address (http or https)",
    ),
]


class DataSettings(Branch):
    """Which data set, from where, how much of it, and how it is split."""

    dataset: Annotated[str, Field(examples=["digits"])]
    source: Place | Annotated[tuple[Place, ...], Field(min_length=1, strict=False)] | None
    examples: Count | Literal["all"]
    split_seed: Seed
    validation_fraction: Fraction
    test_fraction: Fraction

    @property
    def places(self) -> tuple[str, ...]:
        """Where to look for the data set, in turn; none means where it has its home."""
        if self.source is None:
            return ()
        return (self.source,) if isinstance(self.source, str) else self.source

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("source", self.places)
        for index, place in enumerate(self.places):
            keys = ("source",) if isinstance(self.source, str) else ("source", index)
            if wrong := _unfit(place):
                yield Conflict(keys, wrong)
        if self.validation_fraction + self.test_fraction >= 1:
            yield Conflict(
                ("test_fraction",),
                f"with validation_fraction {self.validation_fraction:g} it leaves nothing to train "
                "on; make their sum less than 1",
            )


def _unfit(place: str) -> str | None:
    """What is wrong with a place, and the remedy."""
    try:
        address = urlsplit(place)
        name = address.username
    except ValueError as error:
        return f"it is no web address ({error}); correct it"
    if "://" in place and address.scheme.lower() not in {"http", "https"}:
        return f"{address.scheme} is not supported; name a folder, or an http or https address"
    if "://" in place and not address.netloc:
        return "it is a web address without a server; correct it"
    if name is not None:
        return "it holds a user name, which would end up in logs; leave that out"
    return None

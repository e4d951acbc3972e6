"""Settings that have the right type and do not fit the others: where, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Conflict", "Keys", "repeated"]

Keys = tuple[str | int, ...]  # the way to a value: keys of branches and indices of lists


class Conflict(NamedTuple):
    """One value that does not fit, and a message of the form ``what is wrong; remedy``."""

    keys: Keys
    message: str


def repeated(key: str, values: Sequence[object]) -> Iterator[Conflict]:
    """Yield a conflict for every entry of the list ``key`` that an earlier entry equals."""
    for index, value in enumerate(values):
        if value in values[:index]:
            yield Conflict((key, index), f"{key} holds {value} twice; remove one")

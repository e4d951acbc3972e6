"""Pydantic's complaints about the settings as problems that a reader of params.yaml can act on."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pipeline.expectations import allowed_keys, example, expected, remedy
from pipeline.settings.branch import LISTED

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from pydantic_core import ErrorDetails

    from pipeline.conflicts import Conflict, Keys

__all__ = ["Problem", "dotted", "problems_of", "written"]


@dataclass(frozen=True)
class Problem:
    """One thing to put right.

    Attributes:
        keys: Where; for a missing key, where it should be.
        message: What is wrong and the remedy.
        about_value: Whether the message is about the value written there, rather than the key.
    """

    keys: Keys
    message: str
    about_value: bool = True


def dotted(keys: Keys) -> str:
    """The way to a value as text, such as ``sweep.goals.levels[1]``."""
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")


def problems_of(errors: Sequence[ErrorDetails], tree: object) -> list[Problem]:
    """Every problem once, however many errors pydantic makes of it.

    Args:
        errors: What ``ValidationError.errors()`` gives.
        tree: The plain dicts, lists and scalars that were validated.

    Returns:
        Problems in the order of the errors; none for a missing key that a misspelt one explains.
    """
    missing = [error["loc"] for error in errors if error["type"] == "missing"]
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    meant = {keys: _meant(keys, missing) for keys in unknown}
    absent = set(missing) - set(meant.values())
    found: dict[Keys, Problem] = {}
    for error in errors:
        for problem in _problems(error, tree, meant, absent):
            found.setdefault(problem.keys, problem)
    return list(found.values())


def _problems(
    error: ErrorDetails, tree: object, meant: Mapping[Keys, Keys | None], absent: Container[Keys]
) -> Iterator[Problem]:
    keys = error["loc"]
    match error["type"]:
        case "conflict":
            for conflict in cast("tuple[Conflict, ...]", error.get("ctx", {})["conflicts"]):
                yield Problem((*keys, *conflict.keys), conflict.message)
        case "missing":
            if keys in absent:
                yield Problem(keys, _absence(keys), about_value=False)
        case "extra_forbidden":
            yield Problem(keys, _stranger(keys, meant[keys]), about_value=False)
        case "too_short" if written(keys, tree)[1]:
            pass  # pydantic counts good entries only, and has complained of each bad one
        case _:
            place, value = written(keys, tree)
            yield Problem(place, f"it must be {expected(place)}; {remedy(place, value)}")


def written(keys: Keys, tree: object) -> tuple[Keys, object]:
    """The part of ``keys`` that a tree has, and what is there.

    Pydantic appends the choices of a union to the keys of its errors; a tree has none of them.

    Args:
        keys: From the root down.
        tree: Plain dicts, lists and scalars.

    Returns:
        The longest beginning of ``keys`` that leads somewhere, and the value there.
    """
    node, keys = tree, tuple(key for key in keys if key != LISTED)
    for depth, key in enumerate(keys):
        try:
            node = cast("Any", node)[key]
        except (KeyError, TypeError):
            return keys[:depth], node
    return keys, node


def _meant(keys: Keys, missing: Iterable[Keys]) -> Keys | None:
    siblings = [str(other[-1]) for other in missing if other[:-1] == keys[:-1]]
    close = difflib.get_close_matches(str(keys[-1]), siblings, n=1)
    return (*keys[:-1], close[0]) if close else None


def _stranger(keys: Keys, meant: Keys | None) -> str:
    known = allowed_keys(keys[:-1])
    close = [meant[-1]] if meant else difflib.get_close_matches(str(keys[-1]), known, n=1)
    if close:
        return f"is no setting; did you mean {close[0]}?"
    return f"is no setting; remove it, or use one of {', '.join(known)}"


def _absence(keys: Keys) -> str:
    within = f"under {dotted(keys[:-1])}" if keys[:-1] else "at the top level"
    written = f"{keys[-1]}: {example(keys)}".rstrip()
    return f"is missing; add `{written}` {within} ({expected(keys)})"

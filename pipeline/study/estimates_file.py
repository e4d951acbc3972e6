"""estimates.json, read back: the one place that says what may be wrong with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.study.places import Places

__all__ = ["read_estimates_file"]

Json = dict[str, Any]
Taken = TypeVar("Taken")

_SCHEMA: Final = 2


def read_estimates_file(places: Places, take: Callable[[Json], Taken]) -> Taken:
    """What analyse wrote of a study.

    Args:
        places: Where its files are.
        take: What is wanted of the document, as parsed; fails where that is not in it.

    Returns:
        What was taken.

    Raises:
        ValueError: If the file is missing, damaged, or of another schema than this version reads;
            names file and remedy.
    """
    path, study = places.estimates, places.study
    how = "dvc repro" if study == "dvc" else f"batchscope study run --name {study}"
    remedy = f"remove it, then run {how}{' or dvc pull' if study == 'dvc' else ''}"
    try:
        document: Json = json.loads(path.read_bytes())
        if (schema := document.get("schema")) == _SCHEMA:
            return take(document)
    except FileNotFoundError:
        why = f"study {study} is not analysed yet; {how} does"
        raise ValueError(f"{path} is missing: {why}") from None
    except KeyError as problem:
        raise ValueError(f"{path} lacks {problem}; {remedy}") from problem
    except (AttributeError, TypeError, ValueError) as problem:
        raise ValueError(f"{path} holds no estimates ({problem}); {remedy}") from problem
    raise ValueError(f"{path} has schema {schema!r} and this version reads {_SCHEMA}; {remedy}")

"""A file from the first of several places that gives it whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pipeline.datasets.known_file import fault
from pipeline.datasets.transfer import TransferError, transfer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.datasets.known_file import KnownFile

__all__ = ["bring"]


def bring(file: KnownFile, places: Sequence[str], inside: str, folder: Path) -> None:
    """Try places in turn until one gives the file, verified before it gets its name.

    Args:
        file: What to get.
        places: Web addresses and local folders.
        inside: Where in a local folder the file may be as well.
        folder: Where to put it.

    Raises:
        ValueError: If no place gives it; names each with its reason, and the remedy.
    """
    partial = folder / f".{file.name}.partial"
    reasons: list[str] = []
    for place in places:
        reason = _attempt(place, inside, file, partial)
        if reason is None:
            partial.replace(folder / file.name)
            return
        partial.unlink(missing_ok=True)
        reasons.append(f"  {place}: {reason}")
        print(f"download: {file.name} not from {place}: {reason}", file=sys.stderr, flush=True)
    raise ValueError(
        "\n".join([
            f"no place gave {file.name}:",
            *reasons,
            "set data.source to another mirror (the web address above its files) or to a local "
            f"folder that holds {file.name}, and run the download stage again",
        ])
    )


def _attempt(place: str, inside: str, file: KnownFile, partial: Path) -> str | None:
    """Why a place did not give the file; None where it did."""
    try:
        transfer(place, inside, file, partial)
    except TransferError as error:
        return str(error)
    wrong = fault(partial, file)
    return wrong and f"what it gave {wrong}"

"""What samplers proposed, kept beside the ledger, for asking a Gaussian process takes its time."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib import metadata
from typing import TYPE_CHECKING, Any, Final

from pipeline.aside import write_aside
from pipeline.source import source_digest
from pipeline.studies.proposals import Request, answer, propose
from pipeline.trial import Hyperparameters

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.trial import Cell

__all__ = ["KeptProposals"]

_MODULES: Final = tuple(
    f"pipeline.studies.{name}" for name in ("proposals", "samplers", "space", "values")
)
_LIBRARIES: Final = ("cmaes", "numpy", "optuna", "scipy", "torch")


class KeptProposals:
    """Proposals as `pipeline.studies.proposals.propose` makes them, each made once.

    A file is named by a digest of all that a proposal depends on: results, settings, code, versions
    of libraries. So one that is found is what would be proposed anew, and what cannot be read is.

    Args:
        folder: Where the files are, the ledger's.
        keep: Whether to write files; only who holds the ledger's lock may.
    """

    def __init__(self, folder: Path, *, keep: bool) -> None:
        self._folder = folder
        self._keep = keep

    def propose(
        self, cell: Cell, results: Sequence[RaceResult], settings: Settings, round_number: int
    ) -> dict[int, tuple[Hyperparameters, ...]]:
        """What a search would try next in a cell.

        Args:
            cell: Model and batch size.
            results: Of the cell's races so far.
            settings: Of the study.
            round_number: From 1.

        Returns:
            As `pipeline.studies.proposals.propose`.
        """
        return propose(cell, results, settings, round_number, self._answer)

    def _answer(self, asked: Request) -> tuple[Hyperparameters, ...]:
        file = self._folder / f"proposals-{_digest(asked)}.json"
        known = _read(file)
        if known is None:
            known = answer(asked)
            if self._keep:
                content = [one._asdict() for one in known]
                write_aside(file, json.dumps(content, indent=1).encode() + b"\n")
        return known


def _read(file: Path) -> tuple[Hyperparameters, ...] | None:
    try:
        content: list[dict[str, Any]] = json.loads(file.read_bytes())
        known = (Hyperparameters(**{n: float(v) for n, v in one.items()}) for one in content)
        return tuple(known) or None
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _digest(asked: Request) -> str:
    content = {
        **asdict(asked),
        "sweep": asked.sweep.model_dump(mode="json"),
        "code": source_digest(_MODULES),
        "libraries": _versions(),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


@cache
def _versions() -> dict[str, str | None]:
    """Of the libraries that sample; finding them takes longer than all else of a digest."""
    return {name: _version(name) for name in _LIBRARIES}


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None

"""Data for a benchmark: fetched and prepared in a folder of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.datasets import specification
from pipeline.images import write_prepared

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import DataSettings

__all__ = ["prepared_in"]


def prepared_in(folder: Path, data: DataSettings) -> Path:
    """The folder of the data as ``data`` asks for them, prepared unless they are there."""
    prepared = folder / "prepared"
    if not prepared.exists():
        raw = folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        prepared.mkdir()
        source = specification(data.dataset)
        source.fetch(raw)
        write_prepared(prepared, data, source.read(raw))
    return prepared

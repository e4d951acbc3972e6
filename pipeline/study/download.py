"""Download: the verified raw files of a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.datasets import specification
from pipeline.study.guard import say
from pipeline.study.places import RAW

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import DataSettings

__all__ = ["download"]


def download(data: DataSettings, raw: Path = RAW) -> None:
    """Fetch the data set; files already there and intact stay."""
    dataset = specification(data.dataset)
    dataset.fetch(raw, data.places)
    say(f"download: {dataset.name} is in {raw} ({dataset.licence}; {dataset.citation})")

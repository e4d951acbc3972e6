"""Analyse: from the tables of sweep and confirm to estimates.json."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.aside import write_aside
from pipeline.estimates import estimates
from pipeline.manifest import read_manifest
from pipeline.study.results import read_tables

if TYPE_CHECKING:
    from pipeline.settings import Settings
    from pipeline.study.places import Places

__all__ = ["analyse"]


def analyse(settings: Settings, places: Places) -> None:
    """Estimate everything that the report states."""
    manifest = read_manifest(places.prepared)
    document = estimates(
        read_tables(places),
        settings,
        dataset=manifest.dataset,
        train_examples=manifest.train_examples,
    )
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_aside(places.estimates, f"{text}\n".encode())

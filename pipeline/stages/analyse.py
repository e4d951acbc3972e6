"""Analyse: from the tables of sweep and confirm to estimates.json."""

from __future__ import annotations

import json

from pipeline.aside import write_aside
from pipeline.estimates import estimates
from pipeline.images import read_manifest
from pipeline.settings_file import load_settings
from pipeline.stages.guard import stage
from pipeline.stages.places import ESTIMATES, PARAMS, PREPARED
from pipeline.stages.results import read_tables

__all__ = ["main"]


@stage
def main() -> None:
    """Estimate everything that the report states."""
    settings = load_settings(PARAMS)
    manifest = read_manifest(PREPARED)
    document = estimates(
        read_tables(), settings, dataset=manifest.dataset, train_examples=manifest.train_examples
    )
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_aside(ESTIMATES, f"{text}\n".encode())


if __name__ == "__main__":
    main()

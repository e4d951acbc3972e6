"""Analyse: from the tables of sweep and confirm to estimates.json."""

from __future__ import annotations

import json

import pandas as pd

from pipeline.aside import write_aside
from pipeline.estimates import Tables, estimates
from pipeline.images import read_manifest
from pipeline.settings_file import load_settings
from pipeline.stages.guard import stage
from pipeline.stages.places import CONFIRM, ESTIMATES, PARAMS, PREPARED, SWEEP

__all__ = ["main"]


@stage
def main() -> None:
    """Estimate everything that the report states."""
    settings = load_settings(PARAMS)
    manifest = read_manifest(PREPARED)
    tables = Tables(
        sweep_trials=pd.read_parquet(SWEEP / "trials.parquet"),
        sweep_curves=pd.read_parquet(SWEEP / "curves.parquet"),
        sweep_cells=pd.read_parquet(SWEEP / "cells.parquet"),
        confirm_trials=pd.read_parquet(CONFIRM / "trials.parquet"),
        confirm_curves=pd.read_parquet(CONFIRM / "curves.parquet"),
        assignments=pd.read_parquet(CONFIRM / "assignments.parquet"),
    )
    document = estimates(
        tables, settings, dataset=manifest.dataset, train_examples=manifest.train_examples
    )
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    write_aside(ESTIMATES, f"{text}\n".encode())


if __name__ == "__main__":
    main()

"""The tables that sweep and confirm left, read back."""

from __future__ import annotations

import pandas as pd

from pipeline.estimates import Tables
from pipeline.study.places import Places
from pipeline.study.table_file import read_table

__all__ = ["read_seconds", "read_tables"]


def read_tables(places: Places) -> Tables:
    """All tables of the study that estimates and figures are made from."""
    probes = places.confirm / "probes.parquet"  # which no study of an earlier version has
    return Tables(
        sweep_trials=read_table(places.sweep / "trials.parquet"),
        sweep_curves=read_table(places.sweep / "curves.parquet"),
        sweep_cells=read_table(places.sweep / "cells.parquet"),
        confirm_trials=read_table(places.confirm / "trials.parquet"),
        confirm_curves=read_table(places.confirm / "curves.parquet"),
        assignments=read_table(places.confirm / "assignments.parquet"),
        probes=read_table(probes) if probes.exists() else None,
    )


def read_seconds(places: Places) -> pd.DataFrame:
    """Seconds per step of a lone run, by cell; see `pipeline.study.seconds`."""
    return read_table(places.confirm / "seconds.parquet")

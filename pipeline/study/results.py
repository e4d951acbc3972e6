"""The tables that sweep and confirm left, read back."""

from __future__ import annotations

import pandas as pd

from pipeline.estimates import Tables
from pipeline.study.places import Places

__all__ = ["read_seconds", "read_tables"]


def read_tables(places: Places) -> Tables:
    """All tables of the study that estimates and figures are made from."""
    probes = places.confirm / "probes.parquet"  # which no study of an earlier version has
    return Tables(
        sweep_trials=pd.read_parquet(places.sweep / "trials.parquet"),
        sweep_curves=pd.read_parquet(places.sweep / "curves.parquet"),
        sweep_cells=pd.read_parquet(places.sweep / "cells.parquet"),
        confirm_trials=pd.read_parquet(places.confirm / "trials.parquet"),
        confirm_curves=pd.read_parquet(places.confirm / "curves.parquet"),
        assignments=pd.read_parquet(places.confirm / "assignments.parquet"),
        probes=pd.read_parquet(probes) if probes.exists() else None,
    )


def read_seconds(places: Places) -> pd.DataFrame:
    """Seconds per step of a lone run, by cell; see `pipeline.study.seconds`."""
    return pd.read_parquet(places.confirm / "seconds.parquet")

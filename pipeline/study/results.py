"""The tables that sweep and confirm left, read back."""

from __future__ import annotations

import json

import pandas as pd

from pipeline.environments import environments
from pipeline.estimates import Tables
from pipeline.study.places import Places
from pipeline.study.table_file import read_table

__all__ = ["read_environments", "read_seconds", "read_tables"]


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


def read_environments(places: Places) -> dict[str, int]:
    """Races of sweep and confirm by what trained them; see `pipeline.environments`."""
    races = (read_table(folder / "races.parquet") for folder in (places.sweep, places.confirm))
    return environments(json.loads(text) for table in races for text in table["environment"])

"""The tables that sweep and confirm left, read back."""

from __future__ import annotations

import pandas as pd

from pipeline.estimates import Tables
from pipeline.stages.places import CONFIRM, SWEEP

__all__ = ["read_tables"]


def read_tables() -> Tables:
    """All tables of the study that estimates and figures are made from."""
    return Tables(
        sweep_trials=pd.read_parquet(SWEEP / "trials.parquet"),
        sweep_curves=pd.read_parquet(SWEEP / "curves.parquet"),
        sweep_cells=pd.read_parquet(SWEEP / "cells.parquet"),
        confirm_trials=pd.read_parquet(CONFIRM / "trials.parquet"),
        confirm_curves=pd.read_parquet(CONFIRM / "curves.parquet"),
        assignments=pd.read_parquet(CONFIRM / "assignments.parquet"),
    )

"""Where a study keeps its files, relative to the project's root."""

from __future__ import annotations

from pathlib import Path
from typing import Final

__all__ = [
    "CONFIRM",
    "ESTIMATES",
    "LEDGER",
    "METRICS",
    "PARAMS",
    "PLOTS",
    "PREPARED",
    "RAW",
    "REPORT",
    "SWEEP",
]

PARAMS: Final = Path("params.yaml")
RAW: Final = Path("data/raw")
PREPARED: Final = Path("data/prepared")
LEDGER: Final = Path("ledger")  # outside DVC's outs, which are deleted before a stage runs
SWEEP: Final = Path("results/sweep")  # trials.parquet, curves.parquet, cells.parquet
CONFIRM: Final = Path("results/confirm")  # the same, and assignments.parquet
ESTIMATES: Final = Path("results/estimates.json")
PLOTS: Final = Path("results/plots")  # CSV tables behind DVC's plots
METRICS: Final = Path("results/metrics.json")
REPORT: Final = Path("report")  # index.html and figures/*.svg

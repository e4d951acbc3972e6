"""Where a study keeps its files, relative to the project's root."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.home import home

__all__ = ["PARAMS", "PREPARED", "RAW", "RESULTS", "Places", "ledger_folder"]

PARAMS: Final = Path("params.yaml")
RAW: Final = Path("data/raw")
PREPARED: Final = Path("data/prepared")
RESULTS: Final = Path("results")


def ledger_folder() -> Path:
    """Where the ledger is: outside DVC's outputs, which are deleted before a stage runs."""
    return home() / "ledger"


@dataclass(frozen=True)
class Places:
    """Where one study's results go.

    Attributes:
        study: Name of the study; ``dvc`` is the one that DVC's stages make of params.yaml.
        results: Folder of its tables and numbers.
        report: Folder of its page, index.html and figures/*.svg.
        prepared: Folder of the prepared data set that it trains on.
    """

    study: str = "dvc"
    results: Path = RESULTS
    report: Path = Path("report")
    prepared: Path = PREPARED

    @property
    def sweep(self) -> Path:
        """Folder of trials.parquet, curves.parquet and cells.parquet."""
        return self.results / "sweep"

    @property
    def confirm(self) -> Path:
        """Folder of the same, and assignments.parquet."""
        return self.results / "confirm"

    @property
    def estimates(self) -> Path:
        """File of all estimates."""
        return self.results / "estimates.json"

    @property
    def plots(self) -> Path:
        """Folder of the CSV tables behind DVC's plots."""
        return self.results / "plots"

    @property
    def metrics(self) -> Path:
        """File of the numbers that DVC compares between revisions."""
        return self.results / "metrics.json"

"""`batchscope restore`: MLflow runs and the ledger from the tables, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["restore"]


def restore(
    params: Annotated[Path, typer.Argument(help="Settings of the study.")] = Path("params.yaml"),
) -> None:
    """Rebuild the ledger and the MLflow runs from the tables in results/, without training.

    For a fresh clone, after dvc pull. What is there already stays as it is.

    Example:
        dvc pull && batchscope restore && batchscope ui
    """
    from pipeline.settings_file import load_settings
    from pipeline.study.places import Places
    from pipeline.study.restore import restore as restore_study

    restore_study(load_settings(params), Places())

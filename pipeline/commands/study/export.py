"""`batchscope study export`: a study's tables as CSV or Parquet."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["Format", "export"]


class Format(StrEnum):
    """Of the files."""

    CSV = "csv"
    PARQUET = "parquet"


def export(
    study: Annotated[str, typer.Argument(help="Name of the study.")],
    output: Annotated[Path, typer.Option(help="Folder to make.")],
    kind: Annotated[Format, typer.Option("--format", help="Of the files.")] = Format.CSV,
) -> None:
    """Write the tables of a study, as far as it is: trials, curves, cells.

    Example:
        batchscope study export dvc --output tables --format csv
    """
    from pipeline.study.catalogue import entry
    from pipeline.study.export import export as write
    from pipeline.study.guard import say

    for path in write(entry(study), output, kind.value, say):
        typer.echo(path)

"""Export: the tables of a study, as far as it is, for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pipeline.aside import folder_aside
from pipeline.study.survey import survey
from pipeline.tables import cells_table, curves_table, trials_table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pipeline.study.catalogue import Entry
    from pipeline.study.survey import Phase, Survey

__all__ = ["Format", "export"]

Format = Literal["csv", "parquet"]


def export(
    found: Entry, folder: Path, kind: Format, warn: Callable[[str], None]
) -> tuple[Path, ...]:
    """Write what the ledger has of a study as tables, all files or none.

    Args:
        found: The study.
        folder: Must not exist yet.
        kind: Of the files.
        warn: Told about files of the ledger that can't be read.

    Returns:
        The files: trials, curves and cells of the sweep and, where there are any, of confirm and
        of the pilot that found goals.

    Raises:
        ValueError: If the folder is there already, or nothing has been trained.
    """
    if folder.exists() or folder.is_symlink():  # one that leads nowhere
        raise ValueError(f"--output is {folder}, which is there already; name a new folder")
    seen = survey(found, warn)
    if seen.design is None:
        raise ValueError(f"the data of the study {found.name} are not prepared; run it first")
    if not any(phase.results for _, phase in _phases(seen)):
        raise ValueError(f"nothing of the study {found.name} is trained yet; run it first")
    with folder_aside(folder) as aside:
        for name, phase in _phases(seen):
            if not phase.results:
                continue
            tables = {
                "trials": trials_table(phase.results),
                "curves": curves_table(phase.results),
                "cells": cells_table(seen.design.cells(), phase.results),
            }
            for what, table in tables.items():
                path = aside / f"{name}_{what}.{kind}"
                if kind == "csv":
                    table.to_csv(path, index=False)
                else:
                    table.to_parquet(path, index=False)
    return tuple(sorted(folder.iterdir()))


def _phases(seen: Survey) -> tuple[tuple[str, Phase], ...]:
    return ("pilot", seen.pilot), ("sweep", seen.sweep), ("confirm", seen.confirm)

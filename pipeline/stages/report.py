"""Report: estimates and tables into the page, its pictures, the metrics and DVC's plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.aside import folder_aside, write_aside
from pipeline.figures import Study, draw, gather, read_estimates
from pipeline.manifest import read_manifest
from pipeline.report import facts, metrics, page, plots
from pipeline.settings_file import load_settings
from pipeline.stages.guard import stage
from pipeline.stages.places import (
    ESTIMATES,
    METRICS,
    PARAMS,
    PLOTS,
    PREPARED,
    REPORT,
)
from pipeline.stages.results import read_tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.settings import Settings

__all__ = ["main"]


@stage
def main() -> None:
    """Write the report of a study; the same tables and settings give the same bytes."""
    settings = load_settings(PARAMS)
    study = _study(settings)
    figures = draw(study)
    stills = {figure.name: figure.svg() for figure in figures}
    head = facts(settings, read_manifest(PREPARED), study)
    with folder_aside(REPORT) as folder:
        _write(folder, {"index.html": page(study.estimates, figures, stills, head)})
        _write(folder / "figures", {f"{name}.svg": svg for name, svg in stills.items()})
    with folder_aside(PLOTS) as folder:
        _write(folder, {f"{name}.csv": text for name, text in plots(study.estimates).items()})
    write_aside(METRICS, (json.dumps(metrics(study), indent=2) + "\n").encode())


def _study(settings: Settings) -> Study:
    estimates = read_estimates(json.loads(ESTIMATES.read_bytes()))
    return gather(estimates, read_tables(), settings.sweep.learning_rates)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_aside(folder / name, text.encode())


if __name__ == "__main__":
    main()

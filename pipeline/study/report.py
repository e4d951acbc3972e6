"""Report: estimates and tables into the page, its pictures, the metrics and DVC's plots."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.aside import folder_aside, write_aside
from pipeline.figures import Study, draw, gather, read_estimates
from pipeline.manifest import read_manifest
from pipeline.report import facts, lone_runs, metrics, page, plots
from pipeline.study.estimates_file import read_estimates_file
from pipeline.study.results import read_environments, read_seconds, read_tables

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pipeline.settings import Settings
    from pipeline.study.places import Places

__all__ = ["report"]


def report(settings: Settings, places: Places) -> None:
    """Write the report of a study; the same tables and settings give the same bytes."""
    study = _study(settings, places)
    figures = draw(study)
    stills = {figure.name: figure.svg() for figure in figures}
    manifest, trained_by = read_manifest(places.prepared), read_environments(places)
    head = facts(settings, manifest, study, trained_by)
    lone = lone_runs(study.estimates, read_seconds(places))
    with folder_aside(places.report) as folder:
        _write(folder, {"index.html": page(study.estimates, figures, stills, head, lone)})
        _write(folder / "figures", {f"{name}.svg": svg for name, svg in stills.items()})
    with folder_aside(places.plots) as folder:
        _write(folder, {f"{name}.csv": text for name, text in plots(study.estimates).items()})
    write_aside(places.metrics, (json.dumps(metrics(study), indent=2) + "\n").encode())


def _study(settings: Settings, places: Places) -> Study:
    estimates = read_estimates_file(places, read_estimates)
    return gather(estimates, read_tables(places), settings.sweep.learning_rates)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        write_aside(folder / name, text.encode())

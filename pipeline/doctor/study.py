"""The study's own files: settings and prepared data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.doctor.finding import Finding, error, ok, warning
from pipeline.manifest import read_manifest
from pipeline.settings_file import load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import Settings

__all__ = ["prepared", "settings"]


def settings(path: Path) -> tuple[Finding, Settings | None]:
    """Whether the settings are right, and they themselves if so."""
    try:
        loaded = load_settings(path)
    except ValueError as problem:
        first, *more = str(problem).splitlines()
        note = f" (and {len(more)} more)" if more else ""
        return error("settings", first + note, f"batchscope check {path} lists every fault"), None
    return ok("settings", f"{path} is good: {len(loaded.models)} models"), loaded


def prepared(folder: Path, wanted: Settings | None) -> Finding:
    """Whether the prepared data are whole, and those that the settings ask for."""
    if not folder.exists():
        return ok("data", f"{folder} is not there yet (dvc repro prepare makes it)")
    try:
        manifest = read_manifest(folder)
    except (OSError, ValueError) as problem:
        message, _, remedy = str(problem).partition("; ")
        return error("data", message, remedy or "run dvc repro --force prepare")
    if wanted and manifest.dataset != wanted.data.dataset:
        return warning(
            "data",
            f"{folder} holds {manifest.dataset}, the settings name {wanted.data.dataset}",
            "dvc repro prepare",
        )
    if wanted and not manifest.made_from(wanted.data):
        return warning(
            "data",
            f"{folder} holds another part or split of {manifest.dataset} than the settings name",
            "dvc repro prepare",
        )
    return ok("data", f"{manifest.dataset}, {manifest.train_examples:,} training examples")

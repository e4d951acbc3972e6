"""Run a whole study without DVC: the same verbs as its stages, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.manifest import read_manifest
from pipeline.study.analyse import analyse
from pipeline.study.catalogue import remember
from pipeline.study.confirm import confirm
from pipeline.study.guard import locked, say
from pipeline.study.pilot import pilot
from pipeline.study.places import ledger_folder
from pipeline.study.preparation import ensure_prepared
from pipeline.study.publish import publish
from pipeline.study.report import report
from pipeline.study.session import session
from pipeline.study.sweep import sweep

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.manifest import Manifest
    from pipeline.study.catalogue import Entry

__all__ = ["run"]


def run(found: Entry) -> None:
    """Prepare the data, remember the study, train what the ledger lacks, and write the report.

    Where the data are replaced meanwhile, a `ValueError` says so before any two would mix.

    Args:
        found: The study; its files appear whole or not at all, and a run that was stopped goes on
            where it was.
    """
    places = found.places
    began = ensure_prepared(found.settings.data)  # others may train during a download
    with locked(ledger_folder(), places.study):  # between its phases too
        remember(found)  # here, for a run that is refused must not change the settings
        say(f"study {found.name}: batchscope study show {found.name} says how far it is")
        goals = pilot(found.settings, places)
        settings = goals.settings
        _unreplaced(places.prepared, began)
        with session("sweep", settings, places) as opened:
            sweep(opened, goals)
        _unreplaced(places.prepared, began)
        with session("confirm", settings, places) as opened:
            confirm(opened)
        _unreplaced(places.prepared, began)
        analyse(settings, places)
        report(settings, places)
        publish(settings, places)


def _unreplaced(prepared: Path, began: Manifest) -> None:
    """Refuse other data than the study began with: one phase would be of these, one of those.

    DVC replaces its folder without asking who trains on it.

    Raises:
        ValueError: If they are others, or are being replaced now.
    """
    try:
        now = read_manifest(prepared).digest
    except ValueError:
        now = ""
    if now != began.digest:
        raise ValueError(f"{prepared} was replaced while the study ran; run the same command again")

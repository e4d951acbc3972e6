"""Delete: a study's settings, tables and report, and if asked what only it has in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger import Ledger
from pipeline.study.catalogue import entries, remove
from pipeline.study.guard import locked
from pipeline.study.places import ledger_folder
from pipeline.study.survey import survey

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.study.catalogue import Entry

__all__ = ["delete", "own_races"]


def own_races(found: Entry, warn: Callable[[str], None]) -> set[str]:
    """Fingerprints of races in the ledger that this study has and no other one plans.

    Args:
        found: The study.
        warn: Told about files of the ledger that can't be read.

    Returns:
        Fingerprints.
    """
    others = {race for one in entries() if one.name != found.name for race in _planned(one, warn)}
    ledger = Ledger(ledger_folder(), warn)
    return {race for race in _planned(found, warn) if race in ledger} - others


def delete(found: Entry, races: set[str], warn: Callable[[str], None]) -> None:
    """Delete a study, and races of the ledger; nothing where a session is running.

    Args:
        found: The study, not DVC's.
        races: Fingerprints, which the ledger forgets.
        warn: Told about files of the ledger that can't be read.
    """
    with locked(ledger_folder(), f"(deleting {found.name})"):
        remove(found)
        ledger = Ledger(ledger_folder(), warn)
        for fingerprint in races:
            ledger.forget(fingerprint)


def _planned(found: Entry, warn: Callable[[str], None]) -> set[str]:
    seen = survey(found, warn)
    return {
        race.fingerprint for phase in (seen.pilot, seen.sweep, seen.confirm) for race in phase.races
    }

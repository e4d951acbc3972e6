"""Delete: a study's settings, tables and report, and if asked what only it has in the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.ledger import Ledger
from pipeline.study.catalogue import DVC, entry, names, remove
from pipeline.study.guard import locked
from pipeline.study.places import ledger_folder
from pipeline.study.survey import survey
from pipeline.study.table_file import read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.study.places import Places

__all__ = ["delete", "own_races"]


def own_races(study: str, warn: Callable[[str], None]) -> set[str]:
    """Fingerprints of a study's races in the ledger, failed ones too, that no other one has.

    Another one has what it plans and what its tables hold: one that was extended plans only as far
    as the ledger tells, and would find the rest of what it trained there again. A study whose
    settings no longer fit ends in an error rather than being left out, because trials that it may
    still share would be lost.

    Args:
        study: Name of the study.
        warn: Told about files of the ledger that can't be read.

    Returns:
        Fingerprints.
    """
    mine = _planned(study, warn)
    others = {
        race
        for name in names()
        if name != study
        for race in _planned(name, warn) | _shown(entry(name).places)
    }
    ledger = Ledger(ledger_folder(), warn)
    # One that failed is in the ledger too, for its file would outlive all that asks for it.
    return {race for race in mine - others if race in ledger or ledger.read(race) is not None}


def delete(study: str, races: set[str], warn: Callable[[str], None]) -> int:
    """Delete a study, and races of the ledger; nothing where a session is running.

    Somebody was asked before, and other studies may have been started or extended meanwhile: of
    the races agreed to, those that another study plans by now stay.

    Args:
        study: Name of the study, not DVC's.
        races: Fingerprints of `own_races`, which the ledger forgets if they still are.
        warn: Told about files of the ledger that can't be read.

    Returns:
        How many races the ledger has forgotten.
    """
    with locked(ledger_folder(), f"(deleting {study})"):
        forgotten = races & own_races(study, warn) if races else races
        remove(study)
        ledger = Ledger(ledger_folder(), warn)
        for fingerprint in forgotten:
            ledger.forget(fingerprint)
    return len(forgotten)


def _shown(places: Places) -> set[str]:
    """Fingerprints of all races in a study's tables."""
    files = (folder / "races.parquet" for folder in (places.sweep, places.confirm))
    return {
        race for file in files if file.exists() for race in read_table(file)["fingerprint"].tolist()
    }


def _planned(study: str, warn: Callable[[str], None]) -> set[str]:
    """Fingerprints of all races that a study plans so far.

    Raises:
        ValueError: If its settings no longer fit.
    """
    try:
        seen = survey(entry(study), warn)
    except ValueError as problem:
        if study == DVC or study not in names():
            raise
        raise ValueError(
            f"--trials: which trials are the study {study}'s can't be told, because its settings "
            f"no longer fit; correct them, or delete {study} first, without --trials: "
            f"{str(problem).splitlines()[0]}"
        ) from None
    return {
        race.fingerprint for phase in (seen.pilot, seen.sweep, seen.confirm) for race in phase.races
    }

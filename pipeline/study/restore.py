"""Restore: from the tables, which DVC carries, to the ledger and its mirrors, which it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.aside import write_aside
from pipeline.fingerprint import race_fingerprint
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.probe_tables import with_probes, write_probes
from pipeline.race_tables import race_results
from pipeline.study.goals import known_goals
from pipeline.study.guard import locked, say
from pipeline.study.mirrors import mirrored
from pipeline.study.places import ledger_folder
from pipeline.study.publish import publish
from pipeline.study.table_file import read_table
from pipeline.tracking import Guarded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.manifest import Manifest
    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.study.places import Places
    from pipeline.tracking.runs import Phase

__all__ = ["restore"]


@dataclass(frozen=True)
class _Recorded:
    """What the tables of a folder tell.

    Attributes:
        folder: With the tables.
        phase: Of the session that trained the races.
        settings: Say which mirrors show them.
        results: One a race.
    """

    folder: Path
    phase: Phase
    settings: Settings
    results: Sequence[RaceResult]


def restore(settings: Settings, places: Places) -> None:
    """Fill ledger and mirrors from the tables of a finished study; what is there already stays.

    Args:
        settings: Of the study.
        places: Where its files are.

    Raises:
        ValueError: If tables are missing, or of another study than params.yaml; or, once all else
            is there, if a mirror could not be filled.
    """
    manifest = read_manifest(places.prepared)
    found = _found(known_goals(settings, places), places)
    for each in found:
        _check(each)
        _warn_of_stale(each, manifest.digest)
    with locked(ledger_folder(), places.study):
        ledger = Ledger(ledger_folder(), warn=say)
        ledger.clean()
        for each in found:  # before any mirror, which may be out of reach
            _restore_races(each, ledger)
        filled = [_fill(each, places, manifest) for each in found]
    if not all([*filled, publish(settings, places)]):
        raise ValueError(
            "the ledger is restored, and what the warnings above name is not; do as they say, then "
            "repeat batchscope restore"
        )


def _found(settings: Settings, places: Places) -> list[_Recorded]:
    """In the order in which they were trained."""
    pilot = places.sweep / "pilot"
    tracking = settings.tracking.model_copy(update={"optuna": False})  # it has no goal, so no value
    runs_only = settings.model_copy(update={"tracking": tracking})
    found = [_Recorded(pilot, "sweep", runs_only, _results(pilot))] if pilot.exists() else []
    return [
        *found,
        _Recorded(places.sweep, "sweep", settings, _results(places.sweep)),
        _Recorded(places.confirm, "confirm", settings, _results(places.confirm)),
    ]


def _restore_races(recorded: _Recorded, ledger: Ledger) -> None:
    _restore_probes(recorded.folder, ledger, recorded.results)
    for result in recorded.results:
        _restore_weights(recorded.folder, ledger, result.race.fingerprint)
        ledger.write(result)
    trials = sum(len(result.results) for result in recorded.results)
    name = recorded.folder.name
    say(f"{name}: {trials:,} trials of {len(recorded.results):,} races are in the ledger")


def _fill(recorded: _Recorded, places: Places, manifest: Manifest) -> bool:
    """Fill the mirrors, each whatever becomes of the others; whether all of them were."""
    with mirrored(recorded.settings, places, manifest, recorded.phase) as mirrors:
        return all([Guarded(mirror, say).refill(recorded.results) for mirror in mirrors])


def _results(folder: Path) -> list[RaceResult]:
    """Results as the tables of a phase tell them."""
    names = ("races", "trials", "curves")
    results = race_results(*(read_table(folder / f"{name}.parquet") for name in names))
    path = folder / "probes.parquet"
    if not path.exists():
        return results
    probes = dict(list(read_table(path).groupby("fingerprint")))
    return [
        with_probes(result, probes[name]) if name in probes else result
        for result in results
        for name in [result.race.fingerprint]
    ]


def _check(recorded: _Recorded) -> None:
    settings, results, folder = recorded.settings, recorded.results, recorded.folder
    remedy = "check out the commit that the tables belong to, then dvc pull"
    strangers = {result.race.cell.model for result in results} - set(settings.models)
    if strangers:
        raise ValueError(
            f"{folder} holds {', '.join(sorted(strangers))}, which models in params.yaml does not; "
            f"{remedy}"
        )
    low, high = settings.sweep.reach
    rates = [trial.learning_rate for result in results for trial in result.race.trials]
    beyond = [rate for rate in rates if not low <= rate <= high]
    if beyond and recorded.phase == "sweep":
        raise ValueError(
            f"{folder} holds learning rates up to {max(beyond):g} and down to {min(beyond):g} "
            f"beyond what sweep.learning_rates and sweep.expand in params.yaml reach, {low:g} to "
            f"{high:g}; {remedy}"
        )


def _warn_of_stale(recorded: _Recorded, digest: str) -> None:
    stale = sum(
        race_fingerprint(result.race.trials, result.race.recipe, digest) != result.race.fingerprint
        for result in recorded.results
    )
    if stale:
        say(
            f"warning: {stale:,} races of {recorded.folder.name} were trained with other code or "
            "data than is here; they can be browsed, and dvc repro trains them again"
        )


def _restore_weights(folder: Path, ledger: Ledger, fingerprint: str) -> None:
    kept, target = folder / "weights" / f"{fingerprint}.npz", ledger.weights_file(fingerprint)
    if kept.exists() and not target.exists():
        write_aside(target, kept.read_bytes())


def _restore_probes(folder: Path, ledger: Ledger, results: Sequence[RaceResult]) -> None:
    """Before the races themselves: a race that is in the ledger has its probes there."""
    path = folder / "probes.parquet"
    if not path.exists():
        return
    digests = read_table(path).groupby("fingerprint")["digest"].first().to_dict()
    for result in results:
        name = result.race.fingerprint
        if name in digests and not (file := ledger.probes_file(name, digests[name])).exists():
            write_probes(file, result)

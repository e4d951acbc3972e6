"""Restore: from the tables, which DVC carries, to the ledger and its mirrors, which it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

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
from pipeline.tracking import Guarded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.study.places import Places
    from pipeline.tracking.runs import Phase

__all__ = ["restore"]

_PHASES: Final[tuple[Phase, ...]] = ("sweep", "confirm")


def restore(settings: Settings, places: Places) -> None:
    """Fill ledger and mirrors from the tables of a finished study; what is there already stays.

    Tables that are missing, or of another study than params.yaml, are a ValueError.

    Args:
        settings: Of the study.
        places: Where its files are.
    """
    manifest = read_manifest(places.prepared)
    settings = known_goals(settings, places)
    recorded: dict[Phase, list[RaceResult]] = {
        phase: _recorded(places.results / phase) for phase in _PHASES
    }
    if (places.sweep / "pilot").exists():
        recorded["sweep"] += _recorded(places.sweep / "pilot")
    for phase, results in recorded.items():
        _check(results, settings, places.results / phase, phase)
        _warn_of_stale(results, manifest.digest, phase)
    with locked(ledger_folder(), places.study):
        ledger = Ledger(ledger_folder(), warn=say)
        ledger.clean()
        for phase, results in recorded.items():
            _restore_probes(places.results / phase, ledger, results)
            for result in results:
                _restore_weights(places.results / phase, ledger, result.race.fingerprint)
                ledger.write(result)
            with mirrored(settings, places, manifest, phase) as mirrors:
                for mirror in mirrors:
                    Guarded(mirror, say).refill(results)
            trials = sum(len(result.results) for result in results)
            say(f"{phase}: {trials:,} trials of {len(results):,} races restored")
    publish(settings, places)


def _recorded(folder: Path) -> list[RaceResult]:
    """Results as the tables of a phase tell them.

    Raises:
        ValueError: If a table is missing.
    """
    tables: dict[str, pd.DataFrame] = {}
    for name in ("races", "trials", "curves"):
        path = folder / f"{name}.parquet"
        if not path.exists():
            raise ValueError(f"{path} is missing; fetch it with dvc pull, or train with dvc repro")
        tables[name] = pd.read_parquet(path)
    results = race_results(tables["races"], tables["trials"], tables["curves"])
    path = folder / "probes.parquet"
    if not path.exists():
        return results
    probes = dict(list(pd.read_parquet(path).groupby("fingerprint")))
    return [
        with_probes(result, probes[name]) if name in probes else result
        for result in results
        for name in [result.race.fingerprint]
    ]


def _check(results: Sequence[RaceResult], settings: Settings, folder: Path, phase: Phase) -> None:
    remedy = "check out the commit that the tables belong to, then dvc pull"
    strangers = {result.race.cell.model for result in results} - set(settings.models)
    if strangers:
        raise ValueError(
            f"{folder} holds {', '.join(sorted(strangers))}, which models in params.yaml does not; "
            f"{remedy}"
        )
    low, high = settings.sweep.reach
    rates = [trial.learning_rate for result in results for trial in result.race.trials]
    if phase == "sweep" and (beyond := [rate for rate in rates if not low <= rate <= high]):
        raise ValueError(
            f"{folder} holds learning rates up to {max(beyond):g} and down to {min(beyond):g} "
            f"beyond what sweep.learning_rates and sweep.expand in params.yaml reach, {low:g} to "
            f"{high:g}; {remedy}"
        )


def _warn_of_stale(results: Sequence[RaceResult], digest: str, phase: Phase) -> None:
    stale = sum(
        race_fingerprint(result.race.trials, result.race.recipe, digest) != result.race.fingerprint
        for result in results
    )
    if stale:
        say(
            f"warning: {stale:,} races of {phase} were trained with other code or data than is "
            "here; they can be browsed, and dvc repro trains them again"
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
    digests = pd.read_parquet(path).groupby("fingerprint")["digest"].first().to_dict()
    for result in results:
        name = result.race.fingerprint
        if name in digests and not (file := ledger.probes_file(name, digests[name])).exists():
            write_probes(file, result)

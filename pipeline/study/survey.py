"""How far a study is: the same walk that trains it, over what the ledger holds. Nothing trains."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from pipeline.batch_sizes import resolved_reference
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.pilot_goals import NoGoalsError
from pipeline.studies.kept_proposals import KeptProposals
from pipeline.study.confirm import to_keep, to_probe, tuned_cells
from pipeline.study.guard import holder
from pipeline.study.pilot import piloted
from pipeline.study.places import ledger_folder
from pipeline.study.session import design_of
from pipeline.study.sweep import searched
from pipeline.tables import curves_table, trials_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.design import Design
    from pipeline.outcome import RaceResult
    from pipeline.probe_plan import Probed
    from pipeline.study.catalogue import Entry
    from pipeline.trial import Cell, Race, Recipe

__all__ = ["Phase", "State", "Survey", "survey"]

State = Literal["running", "finished", "trained", "interrupted", "not started", "not prepared"]


@dataclass
class Phase:
    """What of a phase's plan is in the ledger.

    Attributes:
        races: Planned so far: a search round is planned once the one before has been trained.
        results: Of those in the ledger, failed ones included.
        complete: Whether all of the phase has been trained.
    """

    races: list[Race] = field(default_factory=list["Race"])
    results: list[RaceResult] = field(default_factory=list["RaceResult"])
    complete: bool = False

    @property
    def planned(self) -> int:
        """Trials planned so far."""
        return sum(len(race.trials) for race in self.races)

    @property
    def done(self) -> int:
        """Trials of races that need not run again."""
        return sum(len(result.results) for result in self.results if result.final)

    @property
    def missing(self) -> list[Race]:
        """Races to be trained, of those planned so far."""
        final = {result.race.fingerprint for result in self.results if result.final}
        return [race for race in self.races if race.fingerprint not in final]

    @property
    def ended(self) -> Counter[str]:
        """Trials by how they ended."""
        return Counter(str(trial.ended) for r in self.results for trial in r.results)


@dataclass(frozen=True)
class Survey:
    """How far a study is.

    Attributes:
        state: ``running``: a process trains it; ``finished``: all is trained, and the report is
            there; ``trained``: only analysis is missing; ``interrupted``: some trials are missing;
            ``not started``: all are; ``not prepared``: its data are not there yet.
        process: That trains it, or None.
        sweep: The sweep, empty while goals that are auto are not found.
        confirm: The confirmation, empty while the sweep is incomplete.
        design: Makes the study's races, its goals as numbers once they are known; None while its
            data are not prepared.
        pilot: Finds goals that are auto; nothing else has one.
    """

    state: State
    process: int | None
    sweep: Phase
    confirm: Phase
    design: Design | None = None
    pilot: Phase = field(default_factory=Phase)

    @property
    def goals_known(self) -> bool:
        """Whether the goals are numbers already, given or found by the pilot."""
        return self.design is not None and self.design.settings.sweep.goals.levels != "auto"

    @property
    def recipes(self) -> dict[Cell, Recipe]:
        """Of every feasible cell of the sweep; where no goal is known yet, of any goal."""
        if self.design is None:
            return {}
        settings = self.design.settings
        known = settings if self.goals_known else settings.with_goals((0.5,))
        return {race.cell: race.recipe for race in replace(self.design, settings=known).grid()}


class _Incomplete(Exception):  # noqa: N818 (it tells of a state, not of an error)
    """A race is not in the ledger."""


@dataclass(frozen=True)
class _Reading:
    """Takes a runner's place, and gives what the ledger has.

    Attributes:
        ledger: Where results are.
        phase: Told what was asked for, and what was found.
    """

    ledger: Ledger
    phase: Phase

    def run(
        self,
        races: Sequence[Race],
        keep: frozenset[str] = frozenset(),
        probed: Probed | None = None,
    ) -> list[RaceResult]:
        """Results of races; one whose weights or probes are wanted and not there is missing.

        Raises:
            _Incomplete: If one is missing, or is to be run again.
        """
        plan = list({race.fingerprint: race for race in races}.values())
        found = [
            (race, self.ledger.read(race.fingerprint))
            for race in plan
            if self.ledger.has_all(race.fingerprint, keep, probed)
        ]
        results = [replace(result, race=race) for race, result in found if result is not None]
        self.phase.races += plan
        self.phase.results += results
        if len(results) < len(plan) or not all(result.final for result in results):
            raise _Incomplete
        return results


def survey(found: Entry, warn: Callable[[str], None]) -> Survey:
    """How far a study is, by the ledger.

    Args:
        found: The study.
        warn: Told about files of the ledger that can't be read.

    Returns:
        What has been trained, and what is missing.
    """
    now = holder(ledger_folder())
    process = now.process if now and now.study == found.name else None
    if not found.places.prepared.exists():
        return Survey("not prepared", process, Phase(), Phase())
    manifest = read_manifest(found.places.prepared)
    design = design_of(found.settings, manifest)
    ledger = Ledger(ledger_folder(), warn)
    pilot, sweep, confirm = Phase(), Phase(), Phase()
    try:
        goals = piloted(design, manifest.validation_examples, _Reading(ledger, pilot).run)
        pilot.complete, design = True, replace(design, settings=goals.settings)
        kept = KeptProposals(ledger_folder(), keep=False)
        results = searched(design, _Reading(ledger, sweep).run, kept.propose)
        sweep.complete = True
        tuned = tuned_cells(design.settings, trials_table(results), curves_table(results))
        reference = resolved_reference(found.settings, manifest.train_examples)
        assignments = design.confirm(tuned, reference)
        races = [assignment.race for assignment in assignments]
        probed = to_probe(assignments, design.settings.confirm.probes)
        _Reading(ledger, confirm).run(races, to_keep(assignments), probed)
        confirm.complete = True
    except (_Incomplete, NoGoalsError):  # running the study says which
        pass
    state = "running" if process else _state(found, pilot, sweep, confirm)
    return Survey(state, process, sweep, confirm, design, pilot)


def _state(found: Entry, pilot: Phase, sweep: Phase, confirm: Phase) -> State:
    if confirm.complete:
        return "finished" if (found.places.report / "index.html").exists() else "trained"
    return "interrupted" if pilot.done or sweep.done or confirm.done else "not started"

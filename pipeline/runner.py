"""The one loop: plan − ledger → engine → events → ledger, progress, mirrors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from pipeline.events import Engine, Evaluated, Event, Finished, Started
from pipeline.grouping import cohorts
from pipeline.ledger import Ledger
from pipeline.outcome import Ended, RaceResult
from pipeline.probe_plan import Probed
from pipeline.probe_tables import read_probes, write_probes
from pipeline.progress import Progress
from pipeline.tracking import Guarded, Mirror
from pipeline.trial import CohortPlan, Race

__all__ = ["Runner"]


@dataclass(frozen=True)
class Runner:
    """Trains what a plan holds and the ledger lacks.

    Attributes:
        stage: Shown in progress and messages.
        ledger: Where results are kept; the truth.
        engine: Where cohorts run. Asked only when there is something to train.
        mirrors: Copies of the ledger, which grow with it; opened where there is something to show.
        width: Most members of a stacked cohort.
        say: Told what a person should know.
    """

    stage: str
    ledger: Ledger
    engine: Engine
    mirrors: tuple[Mirror, ...]
    width: int
    say: Callable[[str], None]

    def run(
        self,
        races: Sequence[Race],
        keep: frozenset[str] = frozenset(),
        probed: Probed | None = None,
    ) -> list[RaceResult]:
        """Train the races that the ledger lacks, and read all.

        Args:
            races: The plan. A race that stands in it twice is trained once.
            keep: Fingerprints of races whose weights the ledger is to hold too.
            probed: Races whose probes it is to hold too, and how they are made.

        Returns:
            One result per race, in the plan's order, duplicates left out.
        """
        plan = list({race.fingerprint: race for race in races}.values())
        known = {race.fingerprint: self._read(race, probed) for race in plan}
        missing = [
            race
            for race in plan
            if not _final(known[race.fingerprint])
            or not self.ledger.has_all(race.fingerprint, keep, probed)
        ]
        self._announce(plan, missing)
        self._train(plan, [_watched(c, keep, probed) for c in cohorts(missing, self.width)])
        known |= {race.fingerprint: self._read(race, probed) for race in missing}
        results = [result for result in known.values() if result is not None]
        assert len(results) == len(plan), "the ledger lost a race that was just trained"
        self.refill(results, at_once=True)
        self._warn_of_failures(results)
        self._warn_of_probes(results)
        self._warn_of_what_is_missing(results, keep, probed)
        return results

    def open(self) -> None:
        """Open the mirrors, before anything is trained: a `TrackingError` is better told now."""
        self.engine.warm_up()
        for mirror in self._guarded:
            mirror.open()

    def record(self, results: Sequence[RaceResult]) -> None:
        """File what was just trained, in the ledger first, and show it in mirrors that are open."""
        for result in results:
            self.ledger.write(result)
        for mirror in self._guarded:
            mirror.write(results)

    def refill(self, results: Sequence[RaceResult], *, at_once: bool = False) -> None:
        """Show what the ledger had all along and a mirror lacks: a deleted database, say.

        Args:
            results: All that mirrors are to have.
            at_once: Whether to try even those that were lost a moment ago.
        """
        for mirror in self._guarded:
            mirror.refill(results, at_once=at_once)

    @cached_property
    def _guarded(self) -> tuple[Guarded, ...]:
        """The mirrors, guarded by what remembers which of them is lost, and what it lacks."""
        return tuple(Guarded(mirror, self.say) for mirror in self.mirrors)

    def _announce(self, plan: Sequence[Race], missing: Sequence[Race]) -> None:
        total, new = _trials(plan), _trials(missing)
        self.say(
            f"{self.stage}: {total:,} trials planned, {total - new:,} in the ledger, "
            f"{new:,} to train"
        )

    def _train(self, plan: Sequence[Race], groups: Sequence[CohortPlan]) -> None:
        if not groups:
            return
        self.open()
        with Progress(self.stage, _trials(plan), groups) as progress:
            for event in self.engine.run(groups):
                if isinstance(event, Finished):
                    # The ledger first: a mirror can be filled again, nothing can be trained again.
                    for result in event.results:
                        self._file(result, event.plan.probed)
                progress.tell(event)
                for mirror in self._guarded:
                    _show(event, mirror)

    def _file(self, result: RaceResult, probed: Probed | None) -> None:
        """Probes first, so that a race that is in the ledger has its probes there."""
        name = result.race.fingerprint
        if probed and name in probed.races and result.final:
            write_probes(self.ledger.probes_file(name, probed.digest), result)
        self.ledger.write(result)

    def _read(self, race: Race, probed: Probed | None) -> RaceResult | None:
        """What the ledger has of a race and its probes, labelled as this plan labels it."""
        kept = self.ledger.read(race.fingerprint)
        if kept is None:
            return None
        result = replace(kept, race=race)
        if not probed or race.fingerprint not in probed.races or not result.final:
            return result
        file = self.ledger.probes_file(race.fingerprint, probed.digest)
        found = self.ledger.sound(file, lambda table: read_probes(table.to_pylist(), result))
        return found or result

    def _warn_of_failures(self, results: Sequence[RaceResult]) -> None:
        for result in results:
            for ended in (Ended.FAILED, Ended.OUT_OF_MEMORY):
                if broken := [trial for trial in result.results if trial.ended is ended]:
                    cell = result.race.cell
                    self.say(
                        f"warning: {len(broken)} trials of {cell.model} at batch size "
                        f"{cell.batch_size:,}, replicate {result.race.replicate}, ended {ended}: "
                        f"{broken[0].message}. {self._again}"
                    )

    def _warn_of_probes(self, results: Sequence[RaceResult]) -> None:
        """Of networks whose own code can't be probed: no other run would find more."""
        said = Counter(
            (result.race.cell.model, message)
            for result in results
            for trial in result.results
            for message in {row.message for row in trial.probes or () if row.message}
        )
        for (model, message), trials in said.items():
            self.say(
                f"warning: {trials} trials of {model} could not be probed throughout, and their "
                f"curves stand: {message}. confirm.probes turns probes off"
            )

    def _warn_of_what_is_missing(
        self, results: Sequence[RaceResult], keep: frozenset[str], probed: Probed | None
    ) -> None:
        """Of races trained before that failed when they were trained for probes or weights."""
        lacking = [
            result
            for result in results
            if result.final and not self.ledger.has_all(result.race.fingerprint, keep, probed)
        ]
        if lacking:
            found = {result.race.cell for result in lacking}
            cells = {f"{cell.model} at batch size {cell.batch_size:,}" for cell in found}
            self.say(
                f"warning: {len(lacking)} races could not be trained again for their probes or "
                f"weights ({', '.join(sorted(cells))}); their curves stay. {self._again}"
            )

    @property
    def _again(self) -> str:
        stage = "sweep" if self.stage == "pilot" else self.stage
        return (
            "The same command tries them again; with DVC it is "
            f"dvc repro --force --single-item {stage}"
        )


def _show(event: Event, mirror: Guarded) -> None:
    if isinstance(event, Started):
        mirror.begin(event.plan)
    elif isinstance(event, Evaluated):
        mirror.follow(event)
    elif isinstance(event, Finished):
        mirror.write(event.results)


def _watched(group: CohortPlan, keep: frozenset[str], probed: Probed | None) -> CohortPlan:
    own = frozenset(race.fingerprint for race in group.races)
    if probed and probed.races & own:
        group = replace(group, probed=replace(probed, races=probed.races & own))
    return replace(group, keep=keep & own)


def _final(result: RaceResult | None) -> bool:
    return result is not None and result.final


def _trials(races: Sequence[Race]) -> int:
    return sum(len(race.trials) for race in races)

"""The one loop: plan − ledger → engine → events → ledger, progress, mirror."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.events import Engine, Finished
from pipeline.grouping import cohorts
from pipeline.ledger import Ledger
from pipeline.outcome import Ended, RaceResult
from pipeline.progress import Progress
from pipeline.tracking import Mirror, TrackingError
from pipeline.trial import Race

__all__ = ["Runner"]


@dataclass(frozen=True)
class Runner:
    """Trains what a plan holds and the ledger lacks.

    Attributes:
        stage: Shown in progress and messages.
        ledger: Where results are kept; the truth.
        engine: Where cohorts run. Asked only when there is something to train.
        mirror: Copies results to MLflow as the ledger grows.
        width: Most members of a stacked cohort.
        say: Told what a person should know.
    """

    stage: str
    ledger: Ledger
    engine: Engine
    mirror: Mirror
    width: int
    say: Callable[[str], None]

    def run(self, races: Sequence[Race]) -> list[RaceResult]:
        """Train the races that the ledger lacks, and read all.

        Args:
            races: The plan. A race that stands in it twice is trained once.

        Returns:
            One result per race, in the plan's order, duplicates left out.
        """
        plan = list({race.fingerprint: race for race in races}.values())
        known = {race.fingerprint: self._read(race) for race in plan}
        missing = [race for race in plan if not _final(known[race.fingerprint])]
        self._announce(plan, missing)
        self._train(plan, missing)
        known |= {race.fingerprint: self._read(race) for race in missing}
        results = [result for result in known.values() if result is not None]
        assert len(results) == len(plan), "the ledger lost a race that was just trained"
        self.refill(results)
        self._warn_of_failures(results)
        return results

    def keep(self, results: Sequence[RaceResult]) -> None:
        """File what was just trained.

        Args:
            results: One per race.
        """
        # The ledger first: what MLflow lacks can be mirrored again, not trained again.
        for result in results:
            self.ledger.write(result)
        self._mirror(results)

    def refill(self, results: Sequence[RaceResult]) -> None:
        """Mirror what the ledger had all along and MLflow lacks: a deleted database, say.

        Args:
            results: From the ledger.
        """
        lacking = self.mirror.missing([result.race.fingerprint for result in results])
        self._mirror([result for result in results if result.race.fingerprint in lacking])

    def _announce(self, plan: Sequence[Race], missing: Sequence[Race]) -> None:
        total, new = _trials(plan), _trials(missing)
        self.say(
            f"{self.stage}: {total:,} trials planned, {total - new:,} in the ledger, "
            f"{new:,} to train"
        )

    def _train(self, plan: Sequence[Race], missing: Sequence[Race]) -> None:
        if not missing:
            return
        groups = cohorts(missing, self.width)
        with Progress(self.stage, _trials(plan), groups) as progress:
            for event in self.engine.run(groups):
                if isinstance(event, Finished):
                    self.keep(event.results)
                progress.tell(event)

    def _read(self, race: Race) -> RaceResult | None:
        """What the ledger has of a race, labelled as this plan labels it."""
        kept = self.ledger.read(race.fingerprint)
        return None if kept is None else replace(kept, race=race)

    def _mirror(self, results: Sequence[RaceResult]) -> None:
        """Copy results to MLflow; where that fails, training is not lost and goes on."""
        try:
            for result in results:
                self.mirror.write(result)
        except TrackingError as problem:
            self.say(f"warning: {problem}. The ledger has the results; a later run mirrors them.")

    def _warn_of_failures(self, results: Sequence[RaceResult]) -> None:
        for result in results:
            for ended in (Ended.FAILED, Ended.OUT_OF_MEMORY):
                if broken := [trial for trial in result.results if trial.ended is ended]:
                    cell = result.race.cell
                    self.say(
                        f"warning: {len(broken)} trials of {cell.model} at batch size "
                        f"{cell.batch_size:,}, replicate {result.race.replicate}, ended {ended}: "
                        f"{broken[0].message}. dvc repro --force --single-item {self.stage} "
                        "tries them again"
                    )


def _final(result: RaceResult | None) -> bool:
    return result is not None and result.final


def _trials(races: Sequence[Race]) -> int:
    return sum(len(race.trials) for race in races)

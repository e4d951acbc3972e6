"""The loop of a tune: ask Optuna, train, tell Optuna, until enough trials have ended."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.events import Evaluated, Event, Finished, Stopped
from pipeline.outcome import RaceResult
from pipeline.runner import Runner
from pipeline.trial import CohortPlan
from pipeline.tune.asked import Asked
from pipeline.tune.driver import ask, contested
from pipeline.tune.progress import Told
from pipeline.tune.races import Races
from pipeline.tune.rungs import Rungs
from pipeline.tune.storage import (
    ENDED,
    MESSAGE,
    REACHED,
    STEADIED,
    annotate,
    finished,
    settle,
)
from pipeline.tune.values import reached, steadied, values_of

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

__all__ = ["Limits", "Search"]

_PRUNED = "pruned"


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        trials: Of the study in all, earlier ones included.
        seconds: After which no trial starts any more; infinity is never.
    """

    trials: int
    seconds: float = math.inf


class Search:
    """Searches a study's space. The driver alone asks and tells; workers train.

    Args:
        study: Optuna's, with sampler and pruner.
        races: Makes what tries a setting.
        rungs: Where trials are compared for pruning; None where none is pruned.
        runner: Its ledger, engine and mirror.
        tell: Told of every trial that has ended.
    """

    def __init__(
        self,
        study: Study,
        races: Races,
        rungs: Rungs | None,
        runner: Runner,
        tell: Callable[[Told], None],
    ) -> None:
        self._study = study
        self._races = races
        self._question = races.question
        self._rungs = rungs
        self._runner = runner
        self._tell = tell
        self._running: dict[CohortPlan, list[Asked]] = {}  # and who waits for each
        self._asked = 0  # trials that have not ended

    def run(self, limits: Limits) -> None:
        """Search until the limits are met.

        Trials that ended after a killed driver's last word are found in the ledger; what was
        running then is queued again, and so it is when this call is interrupted. A ValueError says
        that another process ended a trial of this one's.

        Args:
            limits: When to end.
        """
        with contested(self._study.study_name):
            self._settle()
            self._mirror_again()
            done, deadline = len(finished(self._study)), time.monotonic() + limits.seconds
            try:
                done = self._fill(limits, done, deadline)
                for event in self._runner.engine.events():
                    done = self._fill(limits, done + self._hear(event), deadline)
            except BaseException:  # Ctrl-C and SIGTERM included
                self._settle()
                raise
        self._mirror_again(at_once=True)  # what one that was lost lacks of this session

    def _fill(self, limits: Limits, done: int, deadline: float) -> int:
        """Ask for trials while there is room; some need no training, and are done at once."""
        while (
            done + self._asked < limits.trials
            and len(self._running) < self._runner.engine.workers
            and time.monotonic() < deadline
        ):
            done += self._ask()
        return done

    def _ask(self) -> int:
        """Ask for a trial and start it; 1 if the ledger had all of it, else 0."""
        with warnings.catch_warnings():
            # The start of a study may lie outside of boxes that were narrowed since: drawn anew.
            warnings.filterwarnings("ignore", message="Fixed parameter .* is out of range")
            trial = ask(self._study, self._question)
        plans = self._plans(trial.params)
        asked = Asked(trial, plans, self._rungs)
        self._asked += 1
        for plan in plans:
            if (kept := self._kept(plan)) is not None:
                asked.take(plan, kept)
                self._runner.refill([kept])
            elif plan in self._running:
                self._running[plan].append(asked)
            else:
                self._running[plan] = [asked]
                self._runner.engine.submit(plan)
        return self._end_if_complete(asked)

    def _hear(self, event: Event) -> int:
        """Take note of an event; returns how many trials it ended."""
        if isinstance(event, Evaluated):
            return sum(self._follow(event, asked) for asked in tuple(self._running[event.plan]))
        if isinstance(event, Finished):
            self._runner.record(event.results)  # in the ledger first: a kill then loses nothing
            waiting = self._running.pop(event.plan)
            for asked in waiting:
                asked.take(event.plan, event.results[0])
            return sum(self._end_if_complete(asked) for asked in waiting)
        if isinstance(event, Stopped) and not self._running[event.plan]:
            del self._running[event.plan]
        elif isinstance(event, Stopped):  # proposed once more while it was being stopped
            self._runner.engine.submit(event.plan)
        return 0

    def _follow(self, event: Evaluated, asked: Asked) -> int:
        """Show an evaluation to the pruner; 1 if that ended the trial, else 0."""
        asked.see(event)
        if not asked.hopeless():
            return 0
        from optuna.trial import TrialState

        for plan in asked.plans:
            if asked in self._running.get(plan, ()):
                self._running[plan].remove(asked)
                if not self._running[plan]:
                    self._runner.engine.stop(plan)
        asked.trial.set_user_attr(ENDED, _PRUNED)
        self._study.tell(asked.trial, state=TrialState.PRUNED)
        self._close(asked, _PRUNED, None, "")
        return 1

    def _end_if_complete(self, asked: Asked) -> int:
        """Tell Optuna of a trial all of whose replicates have ended; 1 if it was one, else 0."""
        if (results := asked.results()) is None:
            return 0
        from optuna.trial import TrialState

        for name, value in self._attributes(results).items():
            asked.trial.set_user_attr(name, value)
        values = values_of(self._question, results)
        if values is None:
            self._study.tell(asked.trial, state=TrialState.FAIL)
        else:
            self._study.tell(asked.trial, values)
        self._close(asked, _how(results), values, _message(results))
        return 1

    def _close(
        self, asked: Asked, how: str, values: tuple[float, ...] | None, message: str
    ) -> None:
        self._asked -= 1
        batch_size, rate = asked.trial.params["batch_size"], asked.trial.params["learning_rate"]
        self._tell(Told(batch_size, rate, how, values, message))

    def _settle(self) -> None:
        given_up = settle(self._study, self._told_from_ledger)
        if given_up:
            self._runner.say(f"tune: {given_up} trials were cut short; their settings are queued")

    def _mirror_again(self, *, at_once: bool = False) -> None:
        """Mirror what the ledger has of this study's trials, and MLflow lacks."""
        kept = [
            kept
            for trial in finished(self._study)
            for plan in self._plans(trial.params)
            if (kept := self._kept(plan)) is not None
        ]
        self._runner.refill(kept, at_once=at_once)

    def _told_from_ledger(self, trial: FrozenTrial) -> bool:
        plans = self._plans(trial.params)
        results = [kept for plan in plans if (kept := self._kept(plan)) is not None]
        values = values_of(self._question, results) if len(results) == len(plans) else None
        if values is None:
            return False
        annotate(self._study, trial, self._attributes(results))
        self._study.tell(trial.number, values)
        return True

    def _attributes(self, results: Sequence[RaceResult]) -> dict[str, str | bool | float]:
        """What a trial of the study shows beside its values."""
        attributes: dict[str, str | bool | float] = {ENDED: _how(results)}
        if message := _message(results):
            return attributes | {MESSAGE: message}
        if (cost := steadied(self._question, results)) is not None:
            attributes[STEADIED] = cost
        return attributes | {REACHED: reached(self._question, results)}

    def _plans(self, params: Mapping[str, Any]) -> tuple[CohortPlan, ...]:
        return self._races.of(params["batch_size"], params["learning_rate"])

    def _kept(self, plan: CohortPlan) -> RaceResult | None:
        """What the ledger has of a cohort, if nothing in it failed."""
        (race,) = plan.races
        kept = self._runner.ledger.read(race.fingerprint)
        return replace(kept, race=race) if kept is not None and kept.final else None


def _how(results: Sequence[RaceResult]) -> str:
    """How the replicates ended, each ending once."""
    return ", ".join(sorted({result.results[0].ended.value for result in results}))


def _message(results: Sequence[RaceResult]) -> str:
    """Why the first replicate that broke did; empty where none did."""
    return next((r.results[0].message for r in results if r.results[0].message), "")

"""Tunes whose answer is known: an engine that computes curves from a formula."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.events import Evaluated, Event, Finished, Started, Stopped
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.outcome import Curve, Ended, RaceResult, Row, TrialResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.stopping import evaluation_steps
from pipeline.study.places import Places
from pipeline.study.session import Session, design_of
from pipeline.trial import CohortPlan, Race, Trial
from pipeline.tune.question import Question

Rate = Callable[[Trial], float]  # at which error and loss halve, per example


def bowl(trial: Trial) -> float:
    """Best at batch size 32 and learning rate 0.3, with a factor of e**0.5 a unit of the log."""
    off = math.log(trial.batch_size / 32) ** 2 + math.log(trial.learning_rate / 0.3) ** 2
    return 1e-3 * math.exp(-0.25 * off) * (1 + 0.01 * trial.replicate)


@dataclass
class FormulaEngine:
    """Tells evaluations one by one, several cohorts in turn; a stop is obeyed at once."""

    rate: Rate = bowl
    workers: int = 2
    breaks: Callable[[Trial], bool] = lambda _: False
    diverges: Callable[[Trial], bool] = lambda _: False
    trained: list[Trial] = field(default_factory=list[Trial])
    stopped: list[CohortPlan] = field(default_factory=list[CohortPlan])
    _waiting: deque[CohortPlan] = field(default_factory=deque[CohortPlan])
    _running: dict[CohortPlan, Iterator[Event]] = field(
        default_factory=dict[CohortPlan, Iterator[Event]]
    )

    def warm_up(self) -> None:
        pass

    def submit(self, plan: CohortPlan) -> None:
        assert plan not in self._running and plan not in self._waiting
        self._waiting.append(plan)

    def stop(self, plan: CohortPlan) -> None:
        if plan in self._waiting:
            self._waiting.remove(plan)
            self._running[plan] = iter([Stopped(plan)])
        elif plan in self._running:
            self._running[plan] = iter([Stopped(plan)])
            self.stopped.append(plan)

    def events(self) -> Iterator[Event]:
        while self._waiting or self._running:
            while self._waiting and len(self._running) < self.workers:
                plan = self._waiting.popleft()
                self._running[plan] = self._train(plan)
            for plan in list(self._running):
                event = next(self._running[plan])
                if isinstance(event, Finished | Stopped):
                    del self._running[plan]
                yield event

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        for plan in cohorts:
            self.submit(plan)
        yield from self.events()

    def close(self) -> None: ...

    def _train(self, plan: CohortPlan) -> Iterator[Event]:
        yield Started(plan)
        (race,) = plan.races
        (trial,) = race.trials
        if self.breaks(trial):
            empty = curve_of([])
            failed = TrialResult(Ended.FAILED, empty, "RuntimeError: no luck")
            yield Finished(plan, (RaceResult(race, (failed,), 0.0, 0.0, {}),))
            return
        rows, ended = self._rows(race, trial)
        for row in rows[1:]:
            examples = row.step * trial.batch_size
            yield Evaluated(plan, row.step, 1, examples, ((0, row),))
        self.trained.append(trial)
        seconds = 1e-3 * rows[-1].step * math.sqrt(trial.batch_size)
        result = TrialResult(ended, curve_of(rows))
        yield Finished(plan, (RaceResult(race, (result,), 0.0, seconds, {}),))

    def _rows(self, race: Race, trial: Trial) -> tuple[list[Row], Ended]:
        rows: list[Row] = []
        for step in evaluation_steps(race.recipe):
            level = 0.9 * 2.0 ** (-self.rate(trial) * step * trial.batch_size)
            if self.diverges(trial) and step:
                return [
                    *rows,
                    Row(step, math.nan, 0.9, math.nan, math.nan, math.nan),
                ], Ended.DIVERGED
            rows.append(Row(step, 2 * level, level, 0.0, math.nan, math.nan))
            if race.recipe.goal is not None and level <= race.recipe.goal:
                return rows, Ended.REACHED
        return rows, Ended.EXHAUSTED


def curve_of(rows: Sequence[Row]) -> Curve:
    columns = np.array(rows, dtype=np.float64).reshape(-1, len(Row._fields)).T
    return Curve(columns[0].astype(np.int64), *columns[1:])


Open = Callable[..., Session]


@pytest.fixture
def open_session(settings: Settings, prepared_folder: Path, tmp_path: Path) -> Open:
    """A session over a formula engine, its ledger in a folder that a test keeps."""

    def made(engine: FormulaEngine | None = None, model: str = "mlp") -> Session:
        manifest = read_manifest(prepared_folder)
        mine = settings.model_copy(update={"models": (model,)})
        runner = Runner(
            "tune", Ledger(tmp_path / "ledger", print), engine or FormulaEngine(),
            (), 8, lambda _: None,
        )  # fmt: skip
        places = Places(prepared=prepared_folder)
        return Session(mine, places, manifest, design_of(mine, manifest), runner)

    return made


@pytest.fixture
def question() -> Question:
    return Question("mlp", ("examples",), "error", 0.05, (1, 1347), (0.003, 10.0))


@pytest.fixture
def storage(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'optuna.db'}"


def asking(question: Question, *objectives: str, **changes: object) -> Question:
    return replace(question, objectives=objectives, **changes)  # pyright: ignore[reportArgumentType]

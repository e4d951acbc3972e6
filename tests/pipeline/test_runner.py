"""Ledger, MLflow and tables agree, whatever happens on the way."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from pipeline.design import Design
from pipeline.engines.inline import InlineEngine
from pipeline.events import Event, Finished
from pipeline.images import Prepared
from pipeline.ledger import Ledger
from pipeline.outcome import Ended, RaceResult, broken_results
from pipeline.probe_plan import Probed, ProbePlan
from pipeline.progress import Progress
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.tables import cells_table, curves_table, trials_table
from pipeline.tracking import MlflowMirror, NullMirror, TrackingError
from pipeline.tracking.runs import Data
from pipeline.trial import CohortPlan, Race
from tests.slow import slow

BATCH_NORM = "tests.pipeline.networks:batch_norm"


class Counting(InlineEngine):
    """Counts trials actually trained, and can be stopped after a number of cohorts."""

    def __init__(self, prepared: Prepared, patience: int = 1000) -> None:
        super().__init__(prepared)
        self.trained: Counter[tuple[str, int]] = Counter()
        self.patience = patience

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        for event in super().run(cohorts):
            if isinstance(event, Finished):
                if not self.patience:
                    raise KeyboardInterrupt
                self.patience -= 1
                cell = event.plan.cell
                self.trained[cell.model, cell.batch_size] += len(event.plan.trials)
            yield event


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Two networks, two batch sizes, three learning rates, two replicates, short budgets."""
    sweep = settings.sweep.model_copy(
        update={
            "replicates": 2,
            "learning_rates": settings.sweep.learning_rates.model_copy(update={"points": 3}),
            "budget": settings.sweep.budget.model_copy(update={"epochs": 0.3, "min_steps": 10}),
            "goals": settings.sweep.goals.model_copy(update={"levels": (0.6,)}),
        }
    )
    return settings.model_copy(update={"models": ("mlp", BATCH_NORM), "sweep": sweep})


@pytest.fixture
def design(small: Settings, prepared: Prepared) -> Design:
    def infeasible(model: str, size: int) -> str:
        return "one value per channel" if (model, size) == (BATCH_NORM, 1) else ""

    return Design(small, prepared.digest, len(prepared.train), (1, 64), "cpu", infeasible)


@pytest.fixture
def uri(ready_database: Path, tmp_path: Path) -> str:
    shutil.copyfile(ready_database, tmp_path / "mlflow.db")
    return f"sqlite:///{tmp_path}/mlflow.db"


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger", pytest.fail)


def untracked(ledger: Ledger, engine: Counting, design: Design) -> list[RaceResult]:
    return Runner("sweep", ledger, engine, (), 36, lambda _: None).run(design.grid())


def session(ledger: Ledger, engine: Counting, uri: str, design: Design) -> list[RaceResult]:
    mirror = MlflowMirror(
        uri=uri, experiment="batchscope", data=Data("digits", design.data_digest),
        phase="sweep", models=design.settings.models, git_commit=None,
    )  # fmt: skip
    mirror.open()
    runner = Runner("sweep", ledger, engine, (mirror,), 36, lambda _: None)
    try:
        results = runner.run(design.grid())
    except KeyboardInterrupt:
        mirror.close("KILLED")
        raise
    mirror.close("FINISHED")
    return results


def tracked(uri: str) -> pd.DataFrame:
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("batchscope")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], max_results=1000)
    return pd.DataFrame([
        {
            **{k.removeprefix("batchscope."): v for k, v in run.data.tags.items()},
            "status": run.info.status,
            "steps": run.data.metrics.get("steps"),
            "rate": float(run.data.params["learning_rate"]),
        }
        for run in runs
        if run.data.tags["batchscope.role"] == "trial"
    ])  # fmt: skip


def test_each_planned_trial_ends_once_in_ledger_table_and_mlflow(
    design: Design, ledger: Ledger, prepared: Prepared, uri: str
) -> None:
    engine = Counting(prepared)
    results = session(ledger, engine, uri, design)
    table = trials_table(results)
    planned = {(race.fingerprint, i) for race in design.grid() for i in range(len(race.trials))}
    assert engine.trained == {("mlp", 1): 6, ("mlp", 64): 6, (BATCH_NORM, 64): 6}
    keys = list(zip(table["fingerprint"], table["member"], strict=True))
    assert len(keys) == len(planned) == 18
    assert set(keys) == planned
    runs = tracked(uri)
    assert len(runs) == 18
    runs["member"] = runs["member"].astype(int)
    both = table.merge(runs, on=["fingerprint", "member"], suffixes=("", "_mlflow"))
    assert len(both) == 18
    assert (both["ended"] == both["ended_mlflow"]).all()
    assert (both["status"] == "FINISHED").all()
    assert (both["steps"] == both["steps_mlflow"]).all()
    assert (both["learning_rate"] == both["rate"]).all()
    for race in design.grid():
        kept = ledger.read(race.fingerprint)
        assert kept is not None
        mine = table[table["fingerprint"] == race.fingerprint].sort_values("member")
        assert [str(r.ended) for r in kept.results] == mine["ended"].tolist()
    curves = curves_table(results)
    last = curves.groupby(["fingerprint", "member"])["step"].max()
    assert (last.loc[keys].to_numpy() == table["steps"].to_numpy()).all()


def test_an_infeasible_cell_is_declared_in_the_table(
    design: Design, ledger: Ledger, prepared: Prepared
) -> None:
    results = untracked(ledger, Counting(prepared), design)
    cells = cells_table(design.cells(), results).set_index(["model", "batch_size"])
    assert cells["feasible"].to_dict() == {
        ("mlp", 1): True, ("mlp", 64): True, (BATCH_NORM, 1): False, (BATCH_NORM, 64): True,
    }  # fmt: skip
    assert cells.loc[(BATCH_NORM, 1), "reason"] == "one value per channel"
    assert cells["trials"].tolist() == [6, 6, 0, 6]


@pytest.mark.parametrize("patience", [slow(0), 1, slow(2)])
def test_an_interrupted_session_resumes_without_repeating_a_trial(
    patience: int, design: Design, ledger: Ledger, prepared: Prepared, uri: str, tmp_path: Path
) -> None:
    first, second, third = Counting(prepared, patience), Counting(prepared), Counting(prepared)
    with pytest.raises(KeyboardInterrupt):
        session(ledger, first, uri, design)
    resumed = session(ledger, second, uri, design)
    assert sum(first.trained.values()) + sum(second.trained.values()) == 18
    assert len(tracked(uri)) == 18
    again = session(ledger, third, uri, design)
    assert not third.trained
    fresh = untracked(Ledger(tmp_path / "fresh", pytest.fail), Counting(prepared), design)
    pd.testing.assert_frame_equal(trials_table(resumed), trials_table(fresh), check_exact=True)
    pd.testing.assert_frame_equal(trials_table(resumed), trials_table(again), check_exact=True)
    pd.testing.assert_frame_equal(curves_table(resumed), curves_table(fresh), check_exact=True)


def test_a_deleted_database_is_filled_again_from_the_ledger(
    design: Design, ledger: Ledger, prepared: Prepared, uri: str
) -> None:
    session(ledger, Counting(prepared), uri, design)
    engine = Counting(prepared)
    session(ledger, engine, f"{uri}.other", design)
    assert not engine.trained
    assert len(tracked(f"{uri}.other")) == 18


def test_extending_a_study_trains_the_extension_only(
    design: Design, ledger: Ledger, prepared: Prepared, uri: str
) -> None:
    session(ledger, Counting(prepared), uri, design)
    wider = replace(design, batch_sizes=(1, 32, 64))
    engine = Counting(prepared)
    session(ledger, engine, uri, wider)
    assert engine.trained == {("mlp", 32): 6, (BATCH_NORM, 32): 6}
    settings = design.settings
    more = settings.sweep.model_copy(update={"replicates": 3})
    engine = Counting(prepared)
    deeper = replace(wider, settings=settings.model_copy(update={"sweep": more}))
    results = session(ledger, engine, uri, deeper)
    assert set(engine.trained.values()) == {3}
    assert {r.race.replicate for r in results if r.race.cell.batch_size == 1} == {0, 1, 2}
    models = settings.model_copy(update={"models": ("mlp", BATCH_NORM, "conv")})
    engine = Counting(prepared)
    session(ledger, engine, uri, replace(wider, settings=models))
    assert {model for model, _ in engine.trained} == {"conv"}
    easier = settings.sweep.goals.model_copy(update={"levels": (0.6, 0.9)})
    goals = settings.model_copy(
        update={"sweep": settings.sweep.model_copy(update={"goals": easier})}
    )
    engine = Counting(prepared)
    session(ledger, engine, uri, replace(wider, settings=goals))
    assert not engine.trained
    engine = Counting(prepared)
    session(ledger, engine, uri, replace(design, data_digest="another split"))
    assert sum(engine.trained.values()) == 18


def test_failures_are_told_kept_and_tried_again(
    design: Design, ledger: Ledger, prepared: Prepared, uri: str
) -> None:
    faulty = "tests.pipeline.networks:faulty"
    broken = replace(
        design, batch_sizes=(64,), settings=design.settings.model_copy(update={"models": (faulty,)})
    )
    said: list[str] = []
    mirror = MlflowMirror(
        uri=uri, experiment="batchscope", data=Data("digits", "d"), phase="sweep",
        models=(faulty,), git_commit=None,
    )  # fmt: skip
    mirror.open()
    engine = Counting(prepared)
    for _ in range(2):
        results = Runner("sweep", ledger, engine, (mirror,), 36, said.append).run(broken.grid())
        assert {t.ended for r in results for t in r.results} == {Ended.FAILED}
    mirror.close("FINISHED")
    assert engine.trained == {(faulty, 64): 12}
    assert any("ArithmeticError: as the test wants it" in line for line in said)
    runs = tracked(uri)
    assert len(runs) == 6
    assert set(runs["status"]) == {"FAILED"}


def test_a_race_that_fails_when_trained_for_probes_keeps_its_curves(
    design: Design, ledger: Ledger, prepared: Prepared
) -> None:
    class Broken(Counting):
        def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
            for event in super().run(cohorts):
                if isinstance(event, Finished):
                    event = replace(event, results=tuple(broken(r) for r in event.plan.races))
                yield event

    def broken(race: Race) -> RaceResult:
        return RaceResult(race, broken_results(race, "no room"), 0.0, 0.0, {})

    races = [race for race in design.grid() if race.cell.model == "mlp"][:2]
    bare = Runner("confirm", ledger, Counting(prepared), (), 36, lambda _: None).run(races)
    plan = ProbePlan(64, 4.0, noise_scale=True, sharpness=False, keskar=False)
    probed = Probed(plan, "digest", frozenset({races[0].fingerprint}))
    said: list[str] = []
    runner = Runner("confirm", ledger, Broken(prepared), (), 36, said.append)
    results = runner.run(races, probed=probed)
    pd.testing.assert_frame_equal(curves_table(bare), curves_table(results), check_exact=True)
    (warning,) = [line for line in said if "warning" in line]
    assert "could not be trained again for their probes or weights (mlp at batch size" in warning
    said.clear()
    runner.run(races, frozenset({races[1].fingerprint}))
    assert any("could not be trained again for their probes or weights" in line for line in said)


def test_progress_counts_trials_and_names_cells(
    design: Design, prepared: Prepared, tmp_path: Path
) -> None:
    plans = [CohortPlan((race,), 36) for race in design.grid()]
    path = tmp_path / "progress"
    with path.open("w") as stream, Progress("sweep", 20, plans, stream) as progress:
        lines = []
        for event in InlineEngine(prepared).run(plans):
            progress.tell(event)
            lines.append(progress.line())
    assert lines[0].startswith("sweep: 2 of 20 trials | mlp · B=1")
    assert lines[-1].startswith("sweep: 20 of 20 trials")
    assert any("left" in line for line in lines)
    assert path.read_text().startswith("sweep: 20 of 20 trials")


def test_training_goes_on_when_mlflow_is_lost_and_gives_the_same_numbers(
    design: Design, ledger: Ledger, prepared: Prepared, uri: str, tmp_path: Path
) -> None:
    class Lost(NullMirror):
        def write(self, result: RaceResult) -> None:
            raise TrackingError("http://127.0.0.1:9", "no answer")

    said: list[str] = []
    engine = Counting(prepared)
    results = Runner("sweep", ledger, engine, (Lost(),), 36, said.append).run(design.grid())
    assert sum(engine.trained.values()) == sum(len(r.results) for r in results) == 18
    (warning,) = [line for line in said if "tracking.uri" in line]  # not one a cohort
    assert warning.startswith("warning: tracking.uri is 'http://127.0.0.1:9'")
    tracked = session(Ledger(tmp_path / "other", pytest.fail), Counting(prepared), uri, design)
    for table in (trials_table, curves_table):
        pd.testing.assert_frame_equal(table(results), table(tracked), check_exact=True)


class Flickering(NullMirror):
    """Away at its first race, and back at once."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def settled(self, fingerprints: Iterable[str]) -> bool:
        return False

    def write(self, result: RaceResult) -> None:
        self.asked.append(result.race.fingerprint)
        if len(self.asked) == 1:
            raise TrackingError("http://127.0.0.1:9", "no answer")

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        self.asked.append("missing")
        return set(fingerprints) - set(self.asked[1:])


@pytest.fixture
def stopped_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.tracking.guarded.time.monotonic", lambda: 1000.0)


@pytest.mark.usefixtures("stopped_clock")
def test_a_lost_mirror_is_left_alone_until_all_is_trained_and_lacks_nothing_then(
    design: Design, ledger: Ledger, prepared: Prepared
) -> None:
    mirror = Flickering()
    runner = Runner("sweep", ledger, Counting(prepared), (mirror,), 36, lambda _: None)
    names = sorted(result.race.fingerprint for result in runner.run(design.grid()))
    first, then, *others = mirror.asked
    assert first in names
    assert then == "missing"
    assert sorted(others) == names


@pytest.mark.usefixtures("stopped_clock")
def test_what_is_recorded_one_by_one_asks_a_lost_mirror_once(
    design: Design, ledger: Ledger, prepared: Prepared, tmp_path: Path
) -> None:
    results = untracked(Ledger(tmp_path / "other", pytest.fail), Counting(prepared), design)
    mirror, said = Flickering(), list[str]()
    runner = Runner("tune", ledger, Counting(prepared), (mirror,), 36, said.append)
    for result in results:
        runner.record([result])
        runner.refill([result])
    assert len(mirror.asked) == len(said) == 1
    assert all(ledger.read(result.race.fingerprint) for result in results)
    runner.refill([], at_once=True)
    assert sorted(mirror.asked[2:]) == sorted(result.race.fingerprint for result in results)


def test_a_race_whose_weights_are_missing_is_trained_again(
    design: Design, ledger: Ledger, prepared: Prepared
) -> None:
    races = [race for race in design.grid() if race.cell.model == "mlp"]
    wanted = frozenset({races[0].fingerprint})
    engine = Counting(prepared)
    runner = Runner("confirm", ledger, engine, (), 36, lambda _: None)
    bare = runner.run(races)
    assert not ledger.weights_file(races[0].fingerprint).exists()
    engine.trained.clear()
    kept = runner.run(races, wanted)
    assert sum(engine.trained.values()) == len(races[0].trials)
    assert ledger.weights_file(races[0].fingerprint).exists()
    pd.testing.assert_frame_equal(curves_table(bare), curves_table(kept), check_exact=True)
    engine.trained.clear()
    runner.run(races, wanted)
    assert not engine.trained

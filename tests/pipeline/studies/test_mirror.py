"""The Optuna mirror: what its studies hold, and that they hold it once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import optuna
import pytest
from optuna.trial import TrialState

from pipeline.carried import TunedSetting
from pipeline.design import Design
from pipeline.outcome import Ended, RaceResult
from pipeline.settings import Settings, TrackingSettings
from pipeline.studies.address import StorageError, storage_url
from pipeline.studies.mirror import StudyMirror
from pipeline.studies.projection import study_name, subject_of
from pipeline.trial import Cell, Hyperparameters
from tests.pipeline.studies.planted_races import broken, outcome, planted, result_of, searching


def unopened(
    url: str, settings: Settings, data: str = "d" * 64, phase: Literal["sweep", "confirm"] = "sweep"
) -> StudyMirror:
    return StudyMirror(
        url=url, settings=settings, dataset="digits", data_digest=data, train_examples=1347,
        phase=phase,
    )  # fmt: skip


def mirror(url: str, settings: Settings, **changes: Any) -> StudyMirror:
    made = unopened(url, settings, **changes)
    made.open()
    return made


def results(settings: Settings) -> list[RaceResult]:
    design = Design(settings, "d" * 64, 1347, (8, 64), "cpu", lambda *_: "")
    return [result_of(race) for race in design.grid()]


def trials(url: str, name: str = "digits.mlp") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=url).trials


def test_each_trial_stands_there_once_whatever_is_written_again(asked: Settings, url: str) -> None:
    found = results(asked)
    first = mirror(url, asked)
    assert first.missing([r.race.fingerprint for r in found]) == {r.race.fingerprint for r in found}
    for result in [*found, *found]:
        first.write(result)
    first.close("FINISHED")
    second = mirror(url, asked)
    assert second.missing([r.race.fingerprint for r in found]) == set()
    second.write(found[0])
    assert optuna.get_all_study_names(url) == ["digits.mlp", "digits.conv"]
    assert len(trials(url)) == len(trials(url, "digits.conv")) == 2 * 2 * 5


def test_a_glance_tells_what_opening_would(asked: Settings, url: str) -> None:
    found = results(asked)
    names = [result.race.fingerprint for result in found]
    assert not unopened(url, asked).settled([])
    assert not Path(url.removeprefix("sqlite:///")).exists()
    session = mirror(url, asked)
    for result in found[1:]:
        session.write(result)
    assert not session.settled([])  # it is open
    session.close("FINISHED")
    assert unopened(url, asked).settled(names[1:])
    assert not unopened(url, asked).settled(names)
    worse = replace(found[0], results=(*found[0].results[1:], broken()), started_at=1.5e9)
    for result in (worse, found[0]):
        session = mirror(url, asked)
        session.write(result)
        assert (session.missing(names) == set()) == (result is found[0])
        session.close("FINISHED")
        assert unopened(url, asked).settled(names) == (result is found[0])
    harder = searching(asked, replicates=2)
    goals = harder.sweep.goals.model_copy(update={"levels": (0.1,)})
    harder = harder.model_copy(update={"sweep": harder.sweep.model_copy(update={"goals": goals})})
    assert not unopened(url, harder).settled(names)


def test_a_trial_says_what_it_was_and_how_it_went(asked: Settings, url: str) -> None:
    result = next(r for r in results(asked) if r.race.cell == Cell("mlp", 64))
    mirror(url, asked).write(result)
    for member, (kept, trial) in enumerate(zip(trials(url), result.race.trials, strict=True)):
        assert kept.state is TrialState.COMPLETE
        assert kept.params == {"batch_size": 64, "learning_rate": trial.learning_rate}
        assert kept.user_attrs["fingerprint"] == result.race.fingerprint
        assert kept.user_attrs["member"] == member
        assert kept.user_attrs["origin"] == "grid"
        assert kept.user_attrs["ended"] == str(planted(trial).ended)
        assert kept.user_attrs["examples"] == 64 * kept.user_attrs["steps"]
        assert kept.datetime_start == datetime.fromtimestamp(result.started_at)
        assert kept.duration is not None
        assert kept.duration.total_seconds() == result.seconds


def test_endings_become_states_and_finite_values(asked: Settings, url: str) -> None:
    result = results(asked)[0]
    endings = (Ended.REACHED, Ended.EXHAUSTED, Ended.OUTRACED, Ended.DIVERGED)
    ended = (*(outcome(how, 64) for how in endings), broken())
    mirror(url, asked).write(replace(result, results=ended))
    kept = trials(url)
    assert [trial.state.name for trial in kept] == ["COMPLETE"] * 4 + ["FAIL"]
    assert [trial.value for trial in kept[:3]] == [6, 7, 7]
    assert kept[4].value is None
    assert kept[4].user_attrs["message"] == "the network broke"


def test_a_race_that_broke_is_missing_and_joined_by_what_came_of_it(
    asked: Settings, url: str
) -> None:
    result = results(asked)[0]
    worse = replace(result, results=tuple(broken() for _ in result.results), started_at=1.5e9)
    first = mirror(url, asked)
    first.write(worse)
    first.write(worse)
    assert len(trials(url)) == 5
    assert first.missing([result.race.fingerprint]) == {result.race.fingerprint}
    first.close("FINISHED")
    second = mirror(url, asked)
    second.write(result)
    assert second.missing([result.race.fingerprint]) == set()
    assert [t.state.name for t in trials(url)] == ["FAIL"] * 5 + ["COMPLETE"] * 5


def test_half_a_race_is_completed(asked: Settings, url: str) -> None:
    """A kill between two trials leaves it."""
    result = results(asked)[0]
    whole = mirror(url, asked)
    whole.write(result)
    kept = trials(url)
    half = optuna.create_study(storage=f"{url}2", study_name="digits.mlp")
    for key, value in optuna.load_study(study_name="digits.mlp", storage=url).user_attrs.items():
        half.set_user_attr(key, value)
    half.add_trials(kept[:2])
    again = mirror(f"{url}2", asked)
    assert again.missing([result.race.fingerprint]) == {result.race.fingerprint}
    again.write(result)
    assert [t.params for t in trials(f"{url}2")] == [t.params for t in kept]


def test_the_study_grows_without_losing_a_parameter(asked: Settings, url: str) -> None:
    first = mirror(url, asked)
    for result in results(asked):
        first.write(result)
    first.close("FINISHED")
    more = searching(asked, batch_sizes=[8, 64, "full"], replicates=3)
    design = Design(more, "d" * 64, 1347, (8, 64, 1347), "cpu", lambda *_: "")
    second = mirror(url, more)
    for race in design.grid():
        second.write(result_of(race))
    study = optuna.load_study(study_name="digits.mlp", storage=url)
    assert len(study.trials) == 3 * 3 * 5
    space = optuna.search_space.intersection_search_space(study.trials)
    assert set(space) == {"batch_size", "learning_rate"}


@pytest.mark.parametrize("other", ["data", "goal", "box", "momentum"])
def test_what_does_not_compare_has_a_study_of_its_own(
    other: str, asked: Settings, url: str
) -> None:
    mirror(url, asked).close("FINISHED")
    tree: dict[str, Any] = asked.model_dump(mode="json")
    if other == "goal":
        tree["sweep"]["goals"]["levels"] = [0.1]
    elif other == "box":
        tree["sweep"]["learning_rates"]["high"] = 3.0
    elif other == "momentum":
        tree["training"]["momentum"] = 0.9
    changed = Settings.model_validate(tree)
    for _ in range(2):
        mirror(url, changed, data="e" * 64 if other == "data" else "d" * 64).close("FINISHED")
    names = optuna.get_all_study_names(url)
    assert len(names) == 4
    assert sum(name.startswith("digits.mlp-") for name in names) == 1
    mirror(url, asked).close("FINISHED")
    assert len(optuna.get_all_study_names(url)) == 4


def test_confirm_has_its_own_study_and_room_for_rates_carried_over(
    asked: Settings, url: str
) -> None:
    design = Design(asked, "d" * 64, 1347, (8, 64), "cpu", lambda *_: "")
    tuned = {Cell("mlp", 64): TunedSetting(Hyperparameters(0.003))}
    opened = mirror(url, asked, phase="confirm")
    races = {a.race.fingerprint: a.race for a in design.confirm(tuned, 64)}
    for race in races.values():
        opened.write(result_of(race))
    kept = trials(url, "digits.mlp-confirm")
    assert len(kept) == len(races)
    assert min(trial.params["learning_rate"] for trial in kept) < asked.sweep.learning_rates.low
    assert "digits.mlp" not in optuna.get_all_study_names(url)


def test_names_are_whitelisted(asked: Settings) -> None:
    def name(model: str, dataset: str = "digits") -> str:
        subject = subject_of("mlp", asked, dataset=dataset, data_digest="d", train_examples=9,
                             phase="confirm")  # fmt: skip
        return study_name(replace(subject, model=model))

    assert name("conv") == "digits.conv-confirm"
    assert name("my_nets.small:wide") == "digits.my_nets.small.wide-confirm"
    assert name("x/../y z") == "digits.x-..-y-z-confirm"


@pytest.fixture
def mlflow_database(tmp_path: Path) -> Iterator[str]:
    import sqlite3

    file = tmp_path / "mlflow.db"
    with sqlite3.connect(file) as database:
        database.execute("create table experiments (experiment_id integer)")
        database.execute("create table alembic_version (version_num text)")
    database.close()
    yield f"sqlite:///{file}"
    assert b"studies" not in file.read_bytes()


def test_mlflows_database_is_refused(asked: Settings, mlflow_database: str) -> None:
    with pytest.raises(StorageError, match=r"tracking\.storage is .*MLflow\?.*of its own"):
        mirror(mlflow_database, asked)


def test_what_does_not_answer_is_told_in_a_line_without_the_password(
    asked: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as refused:
        mirror(f"sqlite:///{tmp_path}/file/optuna.db", asked)
    assert "\n" not in str(refused.value)
    with warnings.catch_warnings(), pytest.raises(StorageError) as refused:
        warnings.simplefilter("ignore")
        mirror("postgresql+nodriver://me:s3cret@db/x", asked)
    assert "s3cret" not in str(refused.value)


class TestStorageUrl:
    @staticmethod
    def of(storage: str | None, **environment: str) -> str:
        tracking = TrackingSettings(
            mlflow=False, uri=None, experiment="x", optuna=True, storage=storage
        )
        return storage_url(tracking, environment)

    def test_the_setting_wins_then_the_variable_then_this_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        server = "postgresql+psycopg://me@db/optuna"
        assert self.of(server, OPTUNA_STORAGE="sqlite:///x.db") == server
        assert self.of(None, OPTUNA_STORAGE=server) == server
        assert self.of(None, OPTUNA_STORAGE="") == f"sqlite:///{tmp_path}/optuna.db"
        assert self.of("sqlite:///runs/a.db?x=1") == f"sqlite:///{tmp_path}/runs/a.db?x=1"
        assert self.of("sqlite:////data/a.db") == "sqlite:////data/a.db"

    @pytest.mark.parametrize(
        ("storage", "problem"),
        [
            ("optuna.db", "not the URL of a database"),
            ("journal.log", "not the URL of a database"),
            ("redis://me:s3cret@db", "not the URL of a database"),
            ("http://server:8080", "not the URL of a database"),
            ("sqlite://", "in memory"),
            ("sqlite:///:memory:", "in memory"),
        ],
    )
    def test_refuses_what_optuna_cannot_serve(self, storage: str, problem: str) -> None:
        with pytest.raises(StorageError, match=problem) as refused:
            self.of(None, OPTUNA_STORAGE=storage)
        assert str(refused.value).startswith("OPTUNA_STORAGE is ")
        assert "set it to sqlite:///optuna.db" in str(refused.value)
        assert "s3cret" not in str(refused.value)

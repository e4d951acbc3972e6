from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import optuna
import pytest

from pipeline.tune.database import answering
from pipeline.tune.question import Question
from pipeline.tune.storage import count, open_study


def opened(storage: str, question: Question) -> optuna.Study:
    ways = optuna.samplers.RandomSampler(seed=0), optuna.pruners.NopPruner()
    return open_study(storage, "t", question, "digest", ways)


def test_what_is_no_database_is_refused(question: Question, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="give a URL such as"):
        opened("optuna.db", question)
    text = tmp_path / "notes.db"
    text.write_text("not a database, but longer than an empty file\n" * 20)
    with pytest.raises(ValueError, match="not an SQLite database"):
        opened(f"sqlite:///{text}", question)
    assert "not a database" in text.read_text()


def test_another_programs_database_is_left_alone(question: Question, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("create table alembic_version (version_num text)")
        connection.execute("create table experiments (name text)")
        connection.commit()
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"another program \(MLflow\?\)"):
        opened(f"sqlite:///{file}", question)
    assert file.read_bytes() == before


@pytest.mark.parametrize("folder", ["a#b", "50%"])
def test_a_folders_name_may_hold_what_means_something_in_a_uri(
    folder: str, question: Question, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    storage = f"sqlite:///{tmp_path / folder / 'optuna.db'}"
    opened(storage, question).ask()
    assert len(opened(storage, question).trials) == 1  # found again: that file was looked into
    assert [path.name for path in tmp_path.iterdir()] == [folder]


def test_a_sound_database_that_is_locked_is_not_called_unsound(
    storage: str, question: Question, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(storage, question)
    monkeypatch.setattr("pipeline.tune.database._PATIENCE", 0.0)
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as other:
        other.execute("begin exclusive")
        with pytest.raises(ValueError, match=r"database is locked; let the program.*--storage"):
            opened(storage, question)
    opened(storage, question)


def test_what_cannot_be_read_is_not_called_unsound(question: Question, tmp_path: Path) -> None:
    """A folder, as a file that may not be read is no obstacle to root."""
    (tmp_path / "optuna.db").mkdir()
    with pytest.raises(ValueError, match=r"(unable to open|disk I/O error).*--storage"):
        opened(f"sqlite:///{tmp_path / 'optuna.db'}", question)


def test_counting_makes_no_file_and_no_study(
    question: Question, storage: str, tmp_path: Path
) -> None:
    assert count(storage, "t") == 0
    assert not (tmp_path / "optuna.db").exists()
    study = opened(storage, question)
    assert count(storage, "other") == 0
    assert count(storage, "t") == 0
    study.tell(study.ask(), state=optuna.trial.TrialState.FAIL)  # an orphan, which does not count
    assert count(storage, "t") == 0


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql+nodriver://me:secret@host/optuna", "nodriver"),
        ("postgresql+psycopg2://me:secret@host/optuna", "psycopg2.*install the driver"),
        ("postgresql://me:secret@host:port/optuna", "port"),
        ("sqlite:////no/such/folder/o.db", "/no/such/folder is no folder; make it"),
    ],
)
def test_a_storage_that_cannot_serve_is_named_with_a_remedy(
    url: str, complaint: str, question: Question
) -> None:
    for use in (lambda: count(url, "t"), lambda: opened(url, question)):
        with pytest.raises(ValueError, match=complaint) as refused:
            use()
        said = str(refused.value)
        assert said.startswith("storage is ")
        assert "--storage" in said
        assert "secret" not in said
        assert len(said.splitlines()) == 1


def test_tables_of_another_optuna_are_named_with_its_remedy(
    storage: str, question: Question
) -> None:
    opened(storage, question)
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection:
        connection.execute("update alembic_version set version_num = 'v3.0.0.d'")
        connection.commit()
    for use in (lambda: count(storage, "t"), lambda: opened(storage, question)):
        with pytest.raises(ValueError, match=r"storage is .*optuna storage upgrade.*--storage"):
            use()


def test_a_database_that_breaks_amid_a_search_is_named(storage: str, question: Question) -> None:
    study = opened(storage, question)
    with closing(sqlite3.connect(storage.removeprefix("sqlite:///"))) as connection:
        connection.execute("drop table trials")
        connection.commit()
    with pytest.raises(ValueError, match=r"no such table.*--storage"), answering(storage):
        study.ask()
    with pytest.raises(RuntimeError, match="a bug"), answering(storage):
        raise RuntimeError("a bug")

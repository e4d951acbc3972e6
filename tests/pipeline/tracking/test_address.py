from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.settings import TrackingSettings
from pipeline.studies.address import StorageError, storage_url
from pipeline.studies.storage import connected
from pipeline.tracking import TrackingError, tracking_uri
from pipeline.tracking.address import sqlite_file
from pipeline.tracking.connection import Connection
from pipeline.tracking.glance import glance


class TestTrackingUri:
    @staticmethod
    def of(uri: str | None, **environment: str) -> str:
        settings = TrackingSettings(
            mlflow=True, uri=uri, experiment="batchscope", optuna=False, storage=None
        )
        return tracking_uri(settings, environment)

    def test_the_setting_wins_then_the_variable_then_this_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        server = "http://tracking:5000"
        assert self.of("postgresql://db/a", MLFLOW_TRACKING_URI=server) == "postgresql://db/a"
        assert self.of(None, MLFLOW_TRACKING_URI=server) == server
        assert self.of(None, MLFLOW_TRACKING_URI="") == f"sqlite:///{tmp_path}/mlflow.db"
        assert self.of("sqlite:///runs/a.db?x=1") == f"sqlite:///{tmp_path}/runs/a.db?x=1"
        assert self.of("sqlite:////data/a.db") == "sqlite:////data/a.db"

    def test_a_folder_may_have_any_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ready_database: Path
    ) -> None:
        folder = tmp_path / "what?" / "50%20? {of} #it"
        folder.mkdir(parents=True)
        monkeypatch.chdir(folder)
        shutil.copyfile(ready_database, folder / "mlflow.db")
        settings = TrackingSettings(
            mlflow=True, uri=None, experiment="batchscope", optuna=True, storage=None
        )
        uri, url = self.of(None), storage_url(settings, {})
        assert sqlite_file(uri) == folder / "mlflow.db"
        for _ in range(2):  # made, then opened
            connected(url)
        Connection(uri, "batchscope")
        assert glance(uri, "SELECT 1 FROM experiments WHERE name = ?", ["batchscope"]) == [(1,)]
        assert {path.name for path in folder.iterdir()} == {"mlflow.db", "optuna.db"}
        assert list(tmp_path.rglob("*%*")) == [folder]

    @pytest.mark.parametrize(
        ("uri", "problem"),
        [
            ("./mlruns", "folder of files"),
            ("mlruns", "folder of files"),
            ("/data/mlruns", "folder of files"),
            ("file:///data/mlruns", "folder of files"),
            ("file:mlruns", "folder of files"),
            ("sqlite://", "in memory"),
            ("sqlite:///", "in memory"),
            ("sqlite:///:memory:", "in memory"),
            ("htp://server:5000", "htp is not a scheme"),
        ],
    )
    def test_refuses_what_mlflow_cannot_serve(self, uri: str, problem: str) -> None:
        with pytest.raises(TrackingError, match=problem) as refused:
            self.of(None, MLFLOW_TRACKING_URI=uri)
        assert str(refused.value).startswith(f"MLFLOW_TRACKING_URI is '{uri}': ")
        assert "set it to sqlite:///mlflow.db" in str(refused.value)

    def test_a_password_is_never_shown(self) -> None:
        with pytest.raises(TrackingError) as refused:
            self.of(None, MLFLOW_TRACKING_URI="oracle://me:s3cret@db/x")
        assert "s3cret" not in str(refused.value)
        assert "me:***@db" in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "variable", "setting"),
    [
        (TrackingError, "MLFLOW_TRACKING_URI", "tracking.uri"),
        (StorageError, "OPTUNA_STORAGE", "tracking.storage"),
    ],
)
def test_an_address_that_fails_later_is_named_after_what_it_came_from(
    kind: type[TrackingError], variable: str, setting: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, address in [("postgresql://a/b", "postgresql://a/b"), ("sqlite:///a.db", "")]:
        monkeypatch.setenv(variable, given)
        used = address or f"sqlite:///{Path.cwd()}/a.db"
        assert str(kind(used, "gone")).startswith(f"{variable} is '{used}': gone; ")
        assert str(kind("sqlite:////x.db", "gone")).startswith(f"{setting} is 'sqlite:////x.db': ")


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        ("file is not a database", "move {} away, then batchscope restore"),
        ("no such table: runs", "move {} away, then batchscope restore"),
        ("database is locked", "let the program that writes to it finish"),
        ("database or disk is full", "free some space"),
        ("the database of another program (Optuna?)", "set it to sqlite:///"),
    ],
)
@pytest.mark.parametrize("kind", [TrackingError, StorageError])
def test_a_file_that_is_there_is_not_set_again(
    kind: type[TrackingError], problem: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "copy.db"
    assert "; set it to sqlite:///" in str(kind(f"sqlite:///{file}", problem))
    file.touch()
    assert f"; {told.format(file)}" in str(kind(f"sqlite:///{file}", problem))


def test_a_folder_in_place_of_the_file_is_moved_away(tmp_path: Path) -> None:
    said = str(TrackingError(f"sqlite:///{tmp_path}", "unable to open database file"))
    assert f"; move {tmp_path} away, then batchscope restore" in said

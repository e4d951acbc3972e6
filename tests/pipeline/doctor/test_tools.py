"""Git, DVC, databases and the study's own files, present, missing and broken."""

from __future__ import annotations

import http.server
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.doctor import storages, study, versioning
from pipeline.doctor.examination import examine
from pipeline.settings import Settings

ROOT = Path(__file__).parents[3]
MLFLOW, OPTUNA = ("experiments", "runs", "alembic_version"), ("studies", "trials", "version_info")


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


def database(path: Path, *tables: str) -> str:
    with closing(sqlite3.connect(path)) as made:
        for table in tables:
            made.execute(f"CREATE TABLE {table} (id INTEGER)")
        made.commit()
    return f"sqlite:///{path}"


def test_git_from_nothing_to_a_clean_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert versioning.git(tmp_path).level == "error"
    git(tmp_path, "init", "--quiet")
    assert versioning.git(tmp_path).message == "no commit yet"
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "--message", "a")
    assert versioning.git(tmp_path).level == "ok"
    (tmp_path / "a").write_text("2")
    finding = versioning.git(tmp_path)
    assert finding.level == "warning"
    assert finding.message.startswith("1 changed files")


def test_git_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert versioning.git(tmp_path).remedy == "install git"


def test_dvc_missing_not_set_up_and_good(tmp_path: Path) -> None:
    assert "not installed" in versioning.dvc(tmp_path, None).message
    assert versioning.dvc(tmp_path, "3.67.1").remedy == "dvc init"
    (tmp_path / ".dvc").mkdir()
    assert "dvc.yaml" in versioning.dvc(tmp_path, "3.67.1").message
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    good = versioning.dvc(tmp_path, "3.67.1", "/usr/bin/dvc")
    assert (good.level, "no remote" in good.message) == ("ok", True)


def test_dvc_remotes_are_read_as_dvc_writes_them(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    for line in ("init", "remote add store /srv/store", "remote add --local far ssh://x/y"):
        subprocess.run(["dvc", *line.split(), "--quiet"], cwd=tmp_path, check=True)
    assert versioning.dvc_remotes(tmp_path) == ("store", "far")


@pytest.mark.parametrize(
    ("tables", "owner", "level"),
    [
        (MLFLOW, "MLflow", "ok"),
        (OPTUNA, "Optuna", "ok"),
        ((), "MLflow", "ok"),
        (OPTUNA, "MLflow", "error"),
        (MLFLOW, "Optuna", "error"),
        ((*MLFLOW, *OPTUNA), "MLflow", "error"),
        (("recipes",), "Optuna", "error"),
    ],
)
def test_whose_database_it_is(
    tables: tuple[str, ...], owner: storages.Owner, level: str, tmp_path: Path
) -> None:
    finding = storages.storage("database", database(tmp_path / "a.db", *tables), owner)
    assert finding.level == level


def test_databases_made_by_the_two_programs_are_told_apart(tmp_path: Path) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    url = f"sqlite:///{tmp_path / 'optuna.db'}"
    optuna.create_study(storage=url)
    assert storages.storage("optuna", url, "Optuna").level == "ok"
    assert "tables of Optuna" in storages.storage("mlflow", url, "MLflow").message


def test_a_database_of_both_is_found_in_the_folder(tmp_path: Path) -> None:
    database(tmp_path / "good.db", *MLFLOW)
    (tmp_path / "noise.db").write_bytes(b"no database at all, of sixteen bytes and more")
    assert storages.databases(tmp_path) == []
    database(tmp_path / "both.db", *MLFLOW, *OPTUNA)
    (found,) = storages.databases(tmp_path)
    assert found.level == "error"
    assert "both.db" in found.message


def test_a_missing_database_is_not_made(tmp_path: Path) -> None:
    finding = storages.storage("mlflow", f"sqlite:///{tmp_path / 'new.db'}", "MLflow")
    assert finding.level == "ok"
    assert not list(tmp_path.iterdir())


def test_a_damaged_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 200)
    finding = storages.storage("mlflow", f"sqlite:///{tmp_path / 'a.db'}", "MLflow")
    assert finding.level == "error"


def test_a_password_is_not_shown() -> None:
    uri = "postgresql+nonesuch://ann:secret@127.0.0.1:1/runs"
    finding = storages.storage("mlflow", uri, "MLflow")
    assert finding.level == "error"
    assert "secret" not in finding.message


class Answer(http.server.BaseHTTPRequestHandler):
    body = b"OK"

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()


def test_a_server_that_answers_as_mlflow_does(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert storages.storage("mlflow", server, "MLflow").level == "ok"
    monkeypatch.setattr(Answer, "body", b"<html>")
    assert "no MLflow server" in storages.storage("mlflow", server, "MLflow").message


def test_a_server_that_does_not_answer() -> None:
    finding = storages.storage("mlflow", "http://127.0.0.1:9", "MLflow")
    assert (finding.level, "does not answer" in finding.message) == ("error", True)


def test_tracking_that_is_off_or_refused(settings: Settings) -> None:
    off = settings.tracking.model_copy(update={"mlflow": False})
    assert storages.mlflow(off, {}).message.startswith("off")
    refused = storages.mlflow(settings.tracking, {"MLFLOW_TRACKING_URI": "./mlruns"})
    assert refused.level == "error"
    assert "sqlite:///mlflow.db" in refused.remedy


@pytest.mark.parametrize(
    ("location", "level"),
    [
        ("file:///elsewhere/mlartifacts/batchscope", "error"),
        ("file://{}/mlartifacts/batchscope", "ok"),
        ("file:///elsewhere/chosen", "ok"),
        ("file://{}/disk/mlartifacts/batchscope", "ok"),  # is there, and no database ever was
        ("file://{}/copied/mlartifacts/batchscope", "error"),
        ("s3://bucket/mlartifacts/batchscope", "ok"),
    ],
)
def test_a_database_that_was_copied_puts_no_files_into_the_original(
    settings: Settings, tmp_path: Path, location: str, level: str
) -> None:
    uri = database(tmp_path / "a.db", "runs")
    for name in ("disk", "copied"):
        (tmp_path / name).mkdir()
    (tmp_path / "copied" / "a.db").touch()
    with sqlite3.connect(tmp_path / "a.db") as connection:
        connection.execute("CREATE TABLE experiments (name, artifact_location)")
        row = ("batchscope", location.format(tmp_path))
        connection.execute("INSERT INTO experiments VALUES (?, ?)", row)
    connection.close()
    found = storages.mlflow(settings.tracking, {"MLFLOW_TRACKING_URI": uri})
    assert found.level == level
    assert ("/mlartifacts" in found.message) == (level == "error")


def test_optunas_storage_that_is_off_refused_or_mlflows(settings: Settings, tmp_path: Path) -> None:
    off = settings.tracking.model_copy(update={"optuna": False})
    assert storages.optuna(off, {}).message.startswith("off")
    refused = storages.optuna(settings.tracking, {"OPTUNA_STORAGE": "studies.json"})
    assert (refused.level, "sqlite:///optuna.db" in refused.remedy) == ("error", True)
    shared = database(tmp_path / "a.db", "experiments", "runs")
    assert storages.optuna(settings.tracking, {"OPTUNA_STORAGE": shared}).level == "error"


def test_settings_good_bad_and_missing(tmp_path: Path) -> None:
    finding, loaded = study.settings(ROOT / "params.yaml")
    assert (finding.level, loaded is not None) == ("ok", True)
    finding, loaded = study.settings(tmp_path / "params.yaml")
    assert (finding.level, loaded) == ("error", None)


def test_prepared_data_whole_damaged_and_of_another_set(
    prepared_folder: Path, settings: Settings, tmp_path: Path
) -> None:
    assert study.prepared(prepared_folder, settings).level == "ok"
    assert study.prepared(tmp_path / "none", settings).level == "ok"
    (tmp_path / "manifest.json").write_text("{")
    assert study.prepared(tmp_path, settings).level == "error"
    data = settings.data.model_copy(update={"dataset": "mnist"})
    other = settings.model_copy(update={"data": data})
    assert study.prepared(prepared_folder, other).level == "warning"
    data = settings.data.model_copy(update={"split_seed": settings.data.split_seed + 1})
    split = study.prepared(prepared_folder, settings.model_copy(update={"data": data}))
    assert (split.level, "another part or split" in split.message) == ("warning", True)


def test_an_examination_of_an_empty_folder_tells_and_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    ledger, data = Path("ledger"), Path("data/prepared")
    findings = list(examine(Path("params.yaml"), ledger, data, (ledger, data)))
    levels = {finding.subject: finding.level for finding in findings}
    assert levels["settings"] == levels["git"] == levels["dvc"] == "error"
    assert levels["locks"] == levels["permissions"] == "ok"
    assert not list(tmp_path.iterdir())


def test_a_check_that_breaks_is_a_finding(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError("the disk left")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("pipeline.doctor.places.disk", break_down)
    ledger = Path("ledger")
    found = {f.subject: f for f in examine(Path("params.yaml"), ledger, ledger, (ledger,))}
    assert found["disk"].level == "error"
    assert "the disk left" in found["disk"].message
    assert "gpu" in found  # and it went on

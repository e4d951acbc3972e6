"""Whether a mirror needs opening: told by a glance, as opening it would."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.outcome import Ended
from pipeline.tracking import NullMirror
from tests.pipeline.mirrored import mirror, opened, race_result, runs


def closed(uri: str, *fingerprints: str) -> None:
    """A session that finished with these races."""
    session = opened(uri)
    for fingerprint in fingerprints:
        session.write(race_result(fingerprint))
    session.close("FINISHED")


@pytest.mark.usefixtures("writer")
def test_a_finished_session_leaves_nothing_to_open(uri: str) -> None:
    assert not mirror(uri).settled([])
    closed(uri, "f1", "f2")
    assert mirror(uri).settled(["f1", "f2"])
    assert mirror(uri).settled(["f2"])
    assert not mirror(uri).settled(["f1", "f3"])
    assert not mirror(uri, models=("conv", "mlp", "lenet")).settled(["f1"])
    assert not mirror(uri, experiment="other").settled(["f1"])
    assert not mirror(uri, data_digest="d2").settled(["f1"])
    assert not mirror(uri, dataset="fashion_mnist").settled(["f1"])


def test_an_open_mirror_is_not_settled_and_opens_once(uri: str) -> None:
    closed(uri, "f1")
    session = opened(uri)
    assert not session.settled(["f1"])
    session.open()
    assert len(runs(uri, "parent")) == 2
    assert session.missing(["f1", "f2"]) == {"f2"}


@pytest.mark.parametrize("ended", [Ended.FAILED, Ended.OUT_OF_MEMORY])
def test_a_broken_trial_runs_again(ended: Ended, uri: str) -> None:
    session = opened(uri)
    session.write(race_result(ended=(Ended.REACHED, ended)))
    session.close("FINISHED")
    assert not mirror(uri).settled(["f1"])


DISTURBANCES: dict[str, Callable[[str], None]] = {
    "a session was killed": lambda uri: opened(uri).write(race_result("f9")),
    "a session failed": lambda uri: opened(uri).close("FAILED"),
    "another model's was killed": lambda uri: opened(uri, models=("lenet",)).open(),
    "a run was deleted": lambda uri: delete(uri, "trial"),
    "a parent was deleted": lambda uri: delete(uri, "parent"),
    "a trial is there twice": lambda uri: copies(uri),
    "the experiment was deleted": lambda uri: change(
        uri, "UPDATE experiments SET lifecycle_stage = 'deleted' WHERE name = 'batchscope'"
    ),
    "a run was left half-written": lambda uri: change(
        uri, "UPDATE runs SET status = 'RUNNING' WHERE name LIKE '%r2'"
    ),
}


@pytest.mark.parametrize("disturbance", DISTURBANCES)
def test_what_opening_mends_is_seen(disturbance: str, uri: str) -> None:
    closed(uri, "f1")
    DISTURBANCES[disturbance](uri)
    assert not mirror(uri).settled(["f1"])
    session = opened(uri)
    if session.missing(["f1"]):
        session.write(race_result("f1"))
    session.close("FINISHED")
    assert mirror(uri).settled(["f1"])


@pytest.mark.parametrize("content", [b"", b"no database"])
def test_what_cannot_be_asked_is_not_settled(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    address = f"sqlite:///{file}"
    assert not mirror(address, models=()).settled(["f1"])
    assert not file.exists()
    file.write_bytes(content)
    assert not mirror(address).settled([])
    assert file.read_bytes() == content
    assert not mirror("http://127.0.0.1:9").settled([])
    assert not mirror("postgresql://me@db/mlflow").settled([])


def test_a_null_mirror_always_is() -> None:
    assert NullMirror().settled(["f1"])


def delete(uri: str, role: str) -> None:
    from mlflow import MlflowClient

    MlflowClient(tracking_uri=uri).delete_run(runs(uri, role)[0].info.run_id)


def copies(uri: str) -> None:
    """Two drivers, which the stage's lock forbids."""
    other = opened(uri)
    change(uri, "UPDATE runs SET lifecycle_stage = 'deleted' WHERE name LIKE '%r2'")
    again = opened(uri)
    again.write(race_result("f1"))
    again.close("FINISHED")
    other.close("FINISHED")
    change(uri, "UPDATE runs SET lifecycle_stage = 'active'")


def change(uri: str, statement: str) -> None:
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    with connection:
        connection.execute(statement)
    connection.close()

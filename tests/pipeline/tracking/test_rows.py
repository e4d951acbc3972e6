"""Rows of MLflow's database are those that MLflow's client would write."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from pipeline.outcome import Ended
from pipeline.tracking.connection import Connection
from pipeline.tracking.rows import RowRuns
from pipeline.tracking.runs import Change, Ending, New, Point
from tests.pipeline.mirrored import opened, race_result

TABLES = ("runs", "tags", "params", "metrics", "latest_metrics")


def content(uri: str) -> dict[str, list[dict[str, object]]]:
    """Every row of every table that children have rows in, their identifiers by their names."""
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    connection.row_factory = sqlite3.Row
    names = dict(connection.execute("SELECT run_uuid, name FROM runs").fetchall())
    found: dict[str, list[dict[str, object]]] = {}
    for table in TABLES:
        rows = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
        for row in rows:
            identifier = row["run_uuid"]
            row["run_uuid"] = names[identifier]
            for key, value in row.items():
                for other, name in names.items():
                    if isinstance(value, str) and other in value:
                        row[key] = value.replace(other, name)
        of_children = [row for row in rows if "B=" in str(row["run_uuid"])]
        found[table] = sorted(of_children, key=repr)
    connection.close()
    return found


def test_what_both_write_is_equal(
    uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = (Ended.REACHED, Ended.FAILED, Ended.DIVERGED)
    other = uri.replace("a folder", "another")
    (tmp_path / "another.db").write_bytes((tmp_path / "a folder.db").read_bytes())
    opened(uri).write(race_result(ended=ended, evaluations=30))
    monkeypatch.setattr(RowRuns, "of", lambda *_: None)
    opened(other).write(race_result(ended=ended, evaluations=30))
    assert content(uri) == content(other)
    assert all(content(uri).values())


def test_the_latest_metric_is_mlflows(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.tracking.requests import ClientRuns

    connection = Connection(uri, "batchscope")
    rows = RowRuns.of(uri, connection.experiment)
    assert rows
    news = [New("a", 1, {"k": "v"})]
    seen: list[object] = []
    for writer in (rows, ClientRuns(connection.client, connection.experiment)):
        (identifier,) = writer.create(news)
        for time, points in (
            (5, [Point("loss", 3.0, 2), Point("loss", 9.0, 1)]),
            (5, [Point("loss", 1.0, 1), Point("loss", 2.0, 2), Point("other", 0.5, 0)]),
            (9, [Point("loss", 1.0, 2)]),
            (2, [Point("loss", 8.0, 2)]),
        ):
            writer.write([Change(identifier, time, points, {"p": "1"}, {"k": str(time)})])
        writer.write([Change(identifier, 9, [], ending=Ending("FINISHED", 11))])
        run = connection.client.get_run(identifier)
        seen.append((run.data.to_dictionary(), run.info.status, run.info.end_time))
        assert run.data.metrics == {"loss": 1.0, "other": 0.5}
    assert seen[0] == seen[1]


def test_what_both_find_is_equal(uri: str) -> None:
    from pipeline.tracking.requests import ClientRuns

    connection = Connection(uri, "batchscope")
    rows, client = RowRuns.of(uri, connection.experiment), connection.client
    assert rows
    news = [New("b", 2, {"k": "v", "n": "'"}), New("a", 1, {"k": "v"}), New("c", 3, {"k": "w"})]
    later, earlier, other = rows.create(news)
    (deleted,) = rows.create([New("d", 4, {"k": "v"})])
    client.delete_run(deleted)
    elsewhere = client.create_run(client.create_experiment("elsewhere"), tags={"k": "v"})
    assert elsewhere.data.tags["k"] == "v"
    rows.write([Change(later, 2, [], ending=Ending("FINISHED", 11))])
    found = list(rows.find("k", "v"))
    assert [run.identifier for run in found] == [earlier, later]
    assert [run.complete for run in found] == [False, True]
    assert found == list(ClientRuns(client, connection.experiment).find("k", "v"))
    assert [run.identifier for run in rows.find("k", "w")] == [other]
    assert not list(rows.find("k", "x"))


def test_all_runs_of_a_transaction_or_none(uri: str) -> None:
    writer = RowRuns.of(uri, Connection(uri, "batchscope").experiment)
    assert writer
    (identifier,) = writer.create([New("a", 1, {})])
    point = Point("loss", 1.0, 1)
    with pytest.raises(Exception, match="FOREIGN KEY"):
        writer.write([Change(identifier, 1, [point]), Change("nobody", 1, [point])])
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    assert connection.execute("SELECT count(*) FROM metrics").fetchone() == (0,)
    connection.close()


def test_tables_of_another_version_and_servers_are_left_to_the_client(uri: str) -> None:
    connection = sqlite3.connect(uri.removeprefix("sqlite:///"))
    connection.execute("ALTER TABLE metrics ADD COLUMN unit TEXT")
    connection.commit()
    connection.close()
    assert RowRuns.of(uri, "1") is None
    assert RowRuns.of("http://127.0.0.1:5000", "1") is None

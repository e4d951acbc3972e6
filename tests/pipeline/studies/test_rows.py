"""Rows of Optuna's database are those that Optuna would write."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import optuna
import pytest

from pipeline.design import Design
from pipeline.settings import Settings
from pipeline.studies.address import StorageError
from pipeline.studies.rows import TrialRows
from pipeline.trial import Hyperparameters
from tests.pipeline.studies.planted_races import broken, result_of, searching
from tests.pipeline.studies.test_mirror import mirror, results

TABLES = (
    "trials", "trial_values", "trial_params", "trial_user_attributes", "trial_system_attributes",
    "trial_intermediate_values",
)  # fmt: skip


def content(url: str) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES}


def test_what_both_write_is_equal(
    asked: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two models in turn, with a trial that failed, and one in Optuna's way before them."""
    found = results(asked)[::3]
    found[1] = replace(found[1], results=(broken(), *found[1].results[1:]), started_at=1.5e9)
    for storage in (url, f"{url}2"):
        written = mirror(storage, asked)
        optuna.load_study(study_name="digits.mlp", storage=storage).enqueue_trial({})
        for result in found:
            written.write(result)
        written.close("FINISHED")
        monkeypatch.setattr(TrialRows, "of", lambda _: None)
    ours, optunas = content(url), content(f"{url}2")
    assert len({result.race.cell.model for result in found}) == 2
    assert len(ours["trials"]) == 1 + sum(len(result.results) for result in found)
    # When the trial of Optuna's own was enqueued is a time of the clock.
    assert ours.pop("trials")[1:] == optunas.pop("trials")[1:]
    assert ours == optunas


def test_several_hyperparameters_are_written_as_optuna_would(
    settings: Settings, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = searching(settings).model_dump(mode="json")
    tree["sweep"] |= {
        "design": "random",
        "hyperparameters": {"momentum": {"low": 0.0, "high": 0.9, "log": False}},
    }
    several = Settings.model_validate(tree)
    design = Design(several, "d" * 64, 1347, (8, 64), "cpu", lambda *_: "")
    tried = tuple(Hyperparameters(0.01 * k, 0.1 * k) for k in range(1, 4))
    result = result_of(design.sweep_race(design.cells()[0].cell, 0, tried, "grid"))
    for storage in (url, f"{url}2"):
        mirror(storage, several).write(result)
        monkeypatch.setattr(TrialRows, "of", lambda _: None)
    assert content(url) == content(f"{url}2")
    assert len(content(url)["trial_params"]) == 3 * 3


def test_a_race_is_there_whole_or_not_at_all(asked: Settings, url: str) -> None:
    written, result = mirror(url, asked), results(asked)[0]
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON trial_user_attributes WHEN NEW.trial_id = 4 "
            "BEGIN SELECT RAISE(ABORT, 'disk full'); END"
        )
        connection.commit()
    with pytest.raises(StorageError, match="disk full"):
        written.write(result)
    assert not any(content(url).values())
    assert written.missing([result.race.fingerprint]) == {result.race.fingerprint}


def test_a_study_that_somebody_deleted_is_told(asked: Settings, url: str) -> None:
    written = mirror(url, asked)
    optuna.delete_study(study_name="digits.mlp", storage=url)
    with pytest.raises(StorageError, match=r"no study 'digits\.mlp'"):
        written.write(next(r for r in results(asked) if r.race.cell.model == "mlp"))


def test_tables_of_another_version_and_servers_are_left_to_optuna(
    asked: Settings, url: str
) -> None:
    mirror(url, asked).close("FINISHED")
    assert TrialRows.of(url)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        connection.execute("ALTER TABLE trials ADD COLUMN cost FLOAT")
        connection.commit()
    assert TrialRows.of(url) is None
    assert TrialRows.of("postgresql://me@db/optuna") is None
    written, found = mirror(url, asked), results(asked)
    written.write(found[0])
    assert written.missing([found[0].race.fingerprint]) == set()

"""Runs of confirm say which rules they stand for, in the study that was reported last."""

from __future__ import annotations

import shutil
from pathlib import Path

import pandas as pd
import pytest

from pipeline.study.marks import mark_rules
from pipeline.study.places import Places
from pipeline.tracking.connection import Connection
from pipeline.tracking.requests import ClientRuns
from pipeline.tracking.rows import RowRuns
from pipeline.tracking.runs import NAMESPACE, Run
from pipeline.tracking.store import RunStore

RULES = ("tuned", "constant", "sqrt")


@pytest.fixture(params=["rows", "client"])
def store(
    request: pytest.FixtureRequest,
    ready_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> RunStore:
    if request.param == "client":
        monkeypatch.setattr(RowRuns, "of", lambda *_: None)
    shutil.copyfile(ready_database, tmp_path / "mlflow.db")
    store = RunStore(Connection(f"sqlite:///{tmp_path}/mlflow.db", "batchscope"))
    assert isinstance(store._runs, ClientRuns) == (request.param == "client")  # pyright: ignore[reportPrivateUsage]
    runs = [run("a"), run("b"), run("c"), run("a", phase="sweep"), run("a", data="other")]
    assert len(list(store.create(runs, ["parent"] * len(runs)))) == len(runs)
    return store


def run(name: str, *, phase: str = "confirm", data: str = "data") -> Run:
    own = {"role": "trial", "phase": phase, "data_digest": data, "fingerprint": name, "member": "0"}
    tags = {NAMESPACE + key: value for key, value in own.items()}
    return Run(name, 0, "conv", name, 1_000, None, "RUNNING", {}, tags, ())


def assigned(folder: Path, *rows: tuple[str, str]) -> Places:
    places = Places(folder.name, folder)
    places.confirm.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([(name, 0, rule) for name, rule in rows])
    table.columns = ["fingerprint", "member", "rule"]
    table.to_parquet(places.confirm / "assignments.parquet")
    return places


def marks(store: RunStore, tag: str = "rules") -> dict[str, str | None]:
    found = store.find(NAMESPACE + "phase", "confirm")
    return {
        one.key[0]: one.tags.get(NAMESPACE + tag)
        for one in found
        if one.tags[NAMESPACE + "data_digest"] == "data"
    }


def test_a_run_says_which_rules_it_stands_for(store: RunStore, tmp_path: Path) -> None:
    places = assigned(tmp_path / "dvc", ("a", "sqrt"), ("a", "tuned"), ("b", "constant"))
    mark_rules(store, places, "data", RULES)
    assert marks(store) == {"a": "tuned,sqrt", "b": "constant", "c": None}
    (sweep,) = store.find(NAMESPACE + "phase", "sweep")
    assert NAMESPACE + "rules" not in sweep.tags
    moved = assigned(tmp_path / "dvc", ("a", "sqrt"), ("c", "tuned"))
    mark_rules(store, moved, "data", RULES)
    assert marks(store) == {"a": "sqrt", "b": "none", "c": "tuned"}


def test_studies_that_share_runs_leave_each_others_marks(store: RunStore, tmp_path: Path) -> None:
    mark_rules(store, assigned(tmp_path / "dvc", ("a", "tuned")), "data", RULES)
    mark_rules(store, assigned(tmp_path / "quick", ("b", "tuned")), "data", RULES)
    assert marks(store) == {"a": "tuned", "b": None, "c": None}
    assert marks(store, "rules.quick") == {"a": None, "b": "tuned", "c": None}


def test_nothing_is_written_twice(
    store: RunStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = assigned(tmp_path / "dvc", ("a", "tuned"))
    mark_rules(store, places, "data", RULES)
    monkeypatch.delattr(RunStore, "log")
    mark_rules(store, places, "data", RULES)

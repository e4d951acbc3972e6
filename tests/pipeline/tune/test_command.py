"""`batchscope tune` as a person types it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import optuna
import pytest

from pipeline.cli import main
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from tests.pipeline.conftest import ROOT
from tests.tiny import TINY, change

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def project(tmp_path: Path, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    change(tmp_path / "params.yaml", TINY | {"tracking.mlflow": "false"})
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "prepared").symlink_to(prepared_folder)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def say(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    def batchscope(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["batchscope", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), said.out, said.err

    return batchscope


def test_a_tune_and_its_continuation(say: Say, project: Path) -> None:
    words = ("tune", "--model", "mlp", "--batch-sizes", "16..256", "--sampler", "tpe")
    status, out, err = say(*words, "--objective", "examples", "--trials", "3", "--workers", "1")
    assert status == 0
    assert "tune: 3 of 3 |" in err
    assert "best settings, best first" in out
    status, out, err = say(
        *words, "--objective", "examples", "--trials", "4", "--workers", "1", "--json"
    )
    assert "has 3 of 4 trials" in err
    document = json.loads(out)
    assert sum(document["trials"].values()) == 4
    best = document["best"][0]
    assert 16 <= best["batch_size"] <= 256
    assert best["values"]["examples"] > 0
    study = optuna.load_study(study_name=document["study"], storage=document["storage"])
    assert len(study.trials) == 5 or len(study.trials) == 4  # a queued start may be left over
    assert len(list((project / "ledger").glob("*.parquet"))) == 4
    fingerprints = [file.stem for file in (project / "ledger").glob("*.parquet")]
    kept = [Ledger(project / "ledger", print).read(name) for name in fingerprints]
    assert {result.race.origin for result in kept if result} == {"tune"}


def test_a_dry_run_writes_nothing(say: Say, project: Path) -> None:
    before = set(project.rglob("*"))
    status, out, _ = say("tune", "--objective", "steps", "--objective", "examples", "--dry-run")
    assert status == 0
    assert "minimise: steps and examples" in out
    assert "sampler: gp, after 10 trials" in out  # two objectives
    assert "goal: validation error 0.2" in out
    status, out, _ = say("tune", "--dry-run", "--json", "--learning-rates", "1e-3..1")
    planned = json.loads(out)
    assert planned["learning rates"] == "0.001..1"
    assert planned["sampler"].startswith("valley, after 10 trials")
    assert set(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--model", "konv"), "konv"),
        (("--objective", "speed"), "choose among loss"),
        (("--batch-sizes", "8-64"), "LOW..HIGH"),
        (("--batch-sizes", "1..4096"), "training split has 1,347"),
        (("--learning-rates", "3..x"), "LOW..HIGH"),
        (("--sampler", "best"), "choose one of valley"),
        (("--sampler", "valley", "--objective", "loss", "--objective", "steps"), "gp, tpe"),
        (("--pruner", "best"), "choose one of none"),
        (("--study", "../x"), "letters, digits"),
        (("--storage", "optuna.db"), "not the URL of a database"),
        (("--storage", "sqlite:////no/such/folder/o.db"), "/no/such/folder"),
        (("--storage", "postgresql+psycopg2://host/optuna"), "psycopg2"),
        (("--objective", "loss", "--objective", "steps", "--pruner", "median"), "one objective"),
        (("--params", "other.yaml"), "there is no such file"),
    ],
)
def test_bad_input_ends_in_status_2_before_anything_is_written(
    words: tuple[str, ...], complaint: str, say: Say, project: Path
) -> None:
    for end in ((), ("--dry-run",)):
        status, _, err = say("tune", *words, *end)
        assert status == 2
        assert err.startswith("error: ")
        assert complaint in err
    assert not (project / "optuna.db").exists()
    assert not list(project.glob("ledger/*.parquet"))


def test_a_bad_storage_is_named_by_where_it_came_from(
    say: Say, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And turning Optuna off is no remedy for a tune."""
    monkeypatch.setenv("OPTUNA_STORAGE", "bar")
    for words, source in ((("--storage", "foo"), "--storage is 'foo'"), ((), "OPTUNA_STORAGE is")):
        status, _, err = say("tune", *words)
        assert status == 2
        assert err.startswith(f"error: {source}")
        assert "give --storage sqlite:///optuna.db" in err
        assert "tracking" not in err
    assert not list(project.glob("ledger/*.parquet"))


def test_boxes_may_change_for_valley_only(say: Say, project: Path) -> None:
    words = ("tune", "--model", "mlp", "--workers", "1", "--startup", "2", "--trials")
    assert say(*words, "1", "--sampler", "gp", "--batch-sizes", "16..256")[0] == 0
    database = (project / "optuna.db").read_bytes()
    other = ("2", "--batch-sizes", "16..512")
    status, _, err = say(*words, *other, "--sampler", "gp")
    assert status == 2
    assert "batch_sizes was 16..256 in its trial 0, not 16..512" in err
    assert "another name with --study, or choose --sampler valley" in err
    assert (project / "optuna.db").read_bytes() == database
    assert len(list(project.glob("ledger/*.parquet"))) == 1
    assert say(*words, *other)[0] == 0


def test_missing_data_are_prepared(say: Say, project: Path, prepared_folder: Path) -> None:
    (project / "data" / "prepared").unlink()
    status, _, _ = say("tune", "--model", "mlp", "--trials", "1", "--workers", "1")
    assert status == 0
    made = project / "data" / "prepared"
    assert not made.is_symlink()
    assert read_manifest(made).digest == read_manifest(prepared_folder).digest


def test_data_of_another_study_are_prepared_beside(
    say: Say, project: Path, prepared_folder: Path
) -> None:
    change(project / "params.yaml", {"data.split_seed": "1"})
    status, _, _ = say("tune", "--model", "mlp", "--trials", "1", "--workers", "1")
    assert status == 0
    (made,) = (project / "data" / "studies").glob("digits-*/prepared")
    (trained,) = (project / "ledger").glob("*.parquet")
    assert read_manifest(made).digest != read_manifest(prepared_folder).digest
    assert (project / "data" / "prepared").resolve() == prepared_folder.resolve()  # left alone
    change(project / "params.yaml", {"data.split_seed": "0"})
    status, _, err = say("tune", "--model", "mlp", "--trials", "1", "--workers", "1")
    assert status == 2  # the study of that name was of the other data
    assert "data, source code" in err
    assert [trained] == list((project / "ledger").glob("*.parquet"))


def test_ctrl_c_says_how_to_go_on(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.study.tune.tune", interrupted)
    status, _, err = say("tune")
    assert status == 130
    assert "same command goes on" in err

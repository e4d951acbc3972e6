"""`batchscope advise`: what it prints of a study, and what it says to those who ask for more."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from pipeline import cli
from pipeline.estimates import estimates
from pipeline.manifest import write_manifest
from pipeline.report.lone_runs import lone_runs
from pipeline.study import advise as verb
from tests.pipeline.edge_studies import PARAMS, SECONDS, settings_for, study_of, synthetic_tables
from tests.pipeline.synthetic import TRAIN_EXAMPLES
from tests.pipeline.test_report import MANIFEST

MODELS, SIZES = ("mlp", "conv"), (1, 4, 16, 64, 256, TRAIN_EXAMPLES)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    tables, settings = synthetic_tables(MODELS, SIZES), settings_for(MODELS, SIZES)
    return estimates(tables, settings, dataset="digits", train_examples=TRAIN_EXAMPLES)


@pytest.fixture
def folder(document: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished study on a machine whose seconds per step are known."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes(PARAMS.read_bytes())
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "estimates.json").write_text(json.dumps(document))
    (tmp_path / "data" / "prepared").mkdir(parents=True)
    write_manifest(tmp_path / "data" / "prepared", MANIFEST)

    def timed(_: Any, cells: Any, *__: Any) -> Any:
        wanted = SECONDS[SECONDS["model"] == cells[0].model]
        return wanted[wanted["batch_size"].isin([cell.batch_size for cell in cells])]

    monkeypatch.setattr(verb, "seconds_table", timed)
    return tmp_path


def ask(*words: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr("sys.argv", ["batchscope", "advise", *words])
        patch.setattr(signal, "signal", lambda *_: None)  # the tests' own handlers stay
        cli.main()
    said = capsys.readouterr()
    return int(ended.value.code or 0), said.out, said.err


@pytest.mark.usefixtures("folder")
def test_it_says_what_the_report_says(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, _ = ask("--model", "conv", "--json", capsys=capsys)
    found = json.loads(said)
    assert status == 0
    feasible = [size for size in SIZES if size > 1]  # as the synthetic study has it
    assert [row["batch_size"] for row in found["settings"]] == feasible
    assert {row["source"] for row in found["settings"]} == {"measured"}
    cell = document["models"]["conv"]["cells"][2]
    (row,) = (row for row in found["settings"] if row["batch_size"] == 16)
    assert row["learning_rate"]["value"] == cell["tuned_learning_rate"]["value"]
    study = study_of(synthetic_tables(MODELS, SIZES), settings_for(MODELS, SIZES))
    fastest = lone_runs(study.estimates, SECONDS).fastest("conv")
    assert fastest is not None
    assert (found["fastest"], found["machine"]) == (fastest.batch_size, "a machine")


@pytest.mark.usefixtures("folder")
def test_in_between_it_interpolates_and_outside_it_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, said, _ = ask("--model", "mlp", "--batch-size", "100", capsys=capsys)
    assert "interpolated between measured batch sizes" in said
    _, said, _ = ask("--model", "mlp", "--batch-size", "5000", capsys=capsys)
    assert "outside the measured batch sizes 1 to 1,347: nothing is known" in said


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--model", "cnn"), "model 'cnn' is not in the study; choose one of mlp, conv"),
        (("--model", "mlp", "--goal", "0.3"), "goal 0.3 is not one of the study's; choose one of"),
        (("--model", "mlp", "--study", "other"), "other"),
        (("--model", "mlp", "--batch-size", "0"), "batch-size"),
    ],
)
@pytest.mark.usefixtures("folder")
def test_bad_input_ends_with_status_two(
    words: tuple[str, ...], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, said = ask(*words, capsys=capsys)
    assert status == 2
    assert complaint in said


@pytest.mark.parametrize("content", ["", '{"schema": 1}', '{"schema": 2}'])
def test_damaged_estimates_end_with_status_two(
    content: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "results" / "estimates.json").write_text(content)
    status, _, said = ask("--model", "mlp", capsys=capsys)
    assert status == 2
    assert said.startswith("error: results/estimates.json ")
    assert said.endswith("; remove it, then run dvc repro or dvc pull\n")


@pytest.mark.parametrize("changes", [{"dataset": "fashion_mnist"}, {"train_examples": 52500}])
def test_estimates_of_other_data_than_are_prepared_have_no_seconds(
    changes: dict[str, Any],
    document: dict[str, Any],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "results" / "estimates.json").write_text(json.dumps(document | changes))
    _, said, _ = ask("--model", "conv", "--json", capsys=capsys)
    found = json.loads(said)
    assert (found["machine"], found["fastest"]) == (None, None)
    assert found["fewest_examples"] is not None


def test_a_study_that_is_not_analysed_yet(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "results" / "estimates.json").unlink()
    status, _, said = ask("--model", "mlp", capsys=capsys)
    assert status == 2
    assert "study dvc is not analysed yet; dvc repro does" in said

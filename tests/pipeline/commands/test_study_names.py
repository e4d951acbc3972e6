"""What naming a study means: going on, extending, beginning anew, listing and deleting."""

from __future__ import annotations

import fcntl
import json
import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.commands.study.options import chosen
from pipeline.ledger import Ledger
from pipeline.outcome import RaceResult, broken_results
from pipeline.settings import Settings
from pipeline.settings_document import Override
from pipeline.settings_file import load_settings, settings_yaml
from pipeline.study import delete, guard
from pipeline.study import run as running
from pipeline.study.catalogue import Entry, entries, entry, known, new_entry, remember
from pipeline.study.places import Places, ledger_folder
from pipeline.trial import Recipe
from tests.pipeline.conftest import ROOT, MakeRace

CONV = (
    Override(("models",), "[conv]", "--model"),
    Override(("sweep", "batch_sizes"), "[8, 64]", "--batch-sizes"),
)
REPLICATES = Override(("sweep", "replicates"), "5", "--replicates")


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a params.yaml of many networks, and the study ``mine`` of one."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    remember(chosen("mine", None, list(CONV)))
    return tmp_path


def outdate(name: str) -> Path:
    """Make a study one of a version whose settings had a key that there is no more."""
    path = Path("results/studies") / name / "settings.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings_yaml(entry("mine").settings) + "bygone: 1\n")
    return path


def test_options_extend_what_a_known_name_was_last_run_with() -> None:
    again = chosen("mine", None, [REPLICATES])
    assert again.settings.sweep.replicates == 5
    assert again.settings.models == ("conv",)
    assert again.settings.sweep.batch_sizes == (8, 64)
    remember(again)
    assert chosen("mine", None, []) == again


@pytest.mark.parametrize("taken", [False, True])
def test_only_a_run_that_trains_changes_what_a_name_means(
    taken: bool, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a study trains, a second run of its name is refused, and its settings stay."""
    seen: list[int] = []

    def begun(settings: Settings, _: Places) -> SimpleNamespace:
        assert guard.holder(ledger_folder())
        seen.append(entry("mine").settings.sweep.replicates)
        return SimpleNamespace(settings=settings)

    monkeypatch.setattr(guard, "_LOCK_SECONDS", 0.0)
    monkeypatch.setattr(running, "pilot", begun)
    monkeypatch.setattr(running, "session", lambda *_: nullcontext())
    for data in ("ensure_prepared", "read_manifest"):
        monkeypatch.setattr(running, data, lambda _: SimpleNamespace(digest="the same"))
    for rest in ("sweep", "confirm", "analyse", "report", "publish"):
        monkeypatch.setattr(running, rest, lambda *_: None)
    before = entry("mine").settings.sweep.replicates
    assert before != 5
    (project / "ledger").mkdir()
    with (project / "ledger" / ".lock").open("w") as lock:
        if taken:
            lock.write("1 mine")
            lock.flush()
            fcntl.flock(lock, fcntl.LOCK_EX)
        ended = CliRunner().invoke(app, ["study", "run", "--name", "mine", "--replicates", "5"])
    if taken:
        assert "process 1, which trains the study mine" in str(ended.exception)
    else:
        assert ended.exit_code == 0, ended.exception
    assert seen == ([] if taken else [5])
    assert entry("mine").settings.sweep.replicates == (before if taken else 5)


def test_a_file_given_with_a_known_name_begins_it_anew(project: Path) -> None:
    file = project / "new.yaml"
    file.write_text(settings_yaml(entry("mine").settings).replace("conv", "mlp"))
    for changes in ([], [REPLICATES]):
        settings = chosen("mine", file, changes).settings
        assert settings == load_settings(file, changes)
        assert settings.models == ("mlp",)
    explicit = chosen("mine", Path("params.yaml"), []).settings
    assert explicit == load_settings(Path("params.yaml"))


def test_a_missing_file_given_with_a_known_name_is_an_error() -> None:
    arguments = ["study", "run", "--name", "mine", "--params", "nowhere.yaml", "--dry-run"]
    ended = CliRunner().invoke(app, arguments)
    assert isinstance(ended.exception, ValueError)
    assert "nowhere.yaml: there is no such file" in str(ended.exception)


def test_a_wrong_option_for_a_known_name_is_named() -> None:
    with pytest.raises(ValueError, match=r"^--replicates: sweep\.replicates is none"):
        chosen("mine", None, [Override(("sweep", "replicates"), "none", "--replicates")])


def test_an_outdated_study_is_left_out_with_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    outdate("old")
    assert [one.name for one in entries()] == ["dvc", "mine"]
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("warning: the study old is left out")
    assert "batchscope study delete old" in said
    assert "results/studies/old/settings.yaml:" in said
    assert "bygone" in said
    assert CliRunner().invoke(app, ["study", "list"]).exit_code == 0


def test_a_study_whose_data_are_damaged_is_left_out_with_a_warning(
    project: Path,
) -> None:
    folder = project / "data" / "prepared"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{")
    ended = CliRunner().invoke(app, ["study", "list", "--json"])
    assert ended.exit_code == 0, ended.exception
    assert [one["study"] for one in json.loads(ended.stdout)] == ["mine"]
    assert ended.stderr == (
        "warning: the study dvc is left out: data/prepared/manifest.json is not a whole manifest "
        "of prepared data; run the prepare stage again (dvc repro --force prepare), or delete that "
        "folder, and the next study that needs it prepares it anew\n"
    )


def test_an_outdated_params_file_is_an_error(project: Path) -> None:
    with (project / "params.yaml").open("a") as file:
        file.write("bygone: 1\n")
    with pytest.raises(ValueError, match=r"^params\.yaml:\d+: bygone"):
        entries()


def test_an_outdated_study_can_be_deleted() -> None:
    path = outdate("old")
    ended = CliRunner().invoke(app, ["study", "delete", "old", "--yes"])
    assert ended.exit_code == 0, ended.exception
    assert ended.stdout == "deleted the study old (results/studies/old)\n"
    assert not path.parent.exists()
    assert known("mine")


@pytest.mark.parametrize("name", ["old", "mine"])
def test_no_trials_go_while_an_outdated_study_may_have_them(name: str) -> None:
    path = outdate("old")
    ended = CliRunner().invoke(app, ["study", "delete", name, "--trials", "--yes"])
    assert isinstance(ended.exception, ValueError)
    assert "delete old first, without --trials" in str(ended.exception)
    assert path.exists()
    assert known("mine")


@pytest.mark.parametrize(("name", "expected"), [("dvc", "DVC's"), ("nothing", "is no study")])
def test_what_is_not_a_study_of_its_own_is_not_deleted(name: str, expected: str) -> None:
    ended = CliRunner().invoke(app, ["study", "delete", name, "--yes"])
    assert isinstance(ended.exception, ValueError)
    assert expected in str(ended.exception)


def plan(monkeypatch: pytest.MonkeyPatch, plans: dict[str, list[str]]) -> None:
    """Plant fingerprints of the races that studies plan, by name."""

    def survey(found: Entry, _: object) -> SimpleNamespace:
        races = [SimpleNamespace(fingerprint=name) for name in plans[found.name]]
        none = SimpleNamespace(races=[])
        return SimpleNamespace(pilot=none, sweep=SimpleNamespace(races=races), confirm=none)

    monkeypatch.setattr(delete, "survey", survey)


def test_failed_races_go_with_the_study_that_alone_planned_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, make_race: MakeRace, recipe: Recipe
) -> None:
    own, shared, untrained = (make_race(recipe, replicate=i) for i in range(3))
    ledger = Ledger(project / "ledger", pytest.fail)
    for race in (own, shared):
        ledger.write(RaceResult(race, broken_results(race, "as the test wants it"), 0.0, 0.0, {}))
    names = [race.fingerprint for race in (own, shared, untrained)]
    plan(monkeypatch, {"dvc": names[1:], "mine": names})
    ended = CliRunner().invoke(app, ["study", "delete", "mine", "--trials", "--yes"])
    assert ended.exit_code == 0, ended.exception
    assert "and 1 races of the ledger" in ended.stdout
    left = [path.name for path in (project / "ledger").glob("*.parquet")]
    assert left == [f"{shared.fingerprint}.failed.parquet"]


def test_races_that_another_study_plans_since_the_question_stay(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def confirm(question: str) -> bool:
        assert "and 2 races" in question
        remember(new_entry("newer", entry("mine").settings))
        return True

    plan(monkeypatch, {"dvc": ["d"], "mine": ["a", "b", "d"], "newer": ["b", "c"]})
    monkeypatch.setattr(typer, "confirm", confirm)
    (project / "ledger").mkdir()
    for letter in "abcd":
        (project / "ledger" / f"{letter}.parquet").touch()
    ended = CliRunner().invoke(app, ["study", "delete", "mine", "--trials"])
    assert ended.exit_code == 0, ended.exception
    assert sorted(path.stem for path in (project / "ledger").glob("*.parquet")) == list("bcd")
    assert "and 1 races of the ledger" in ended.stdout
    assert not known("mine")


def test_races_in_the_tables_of_an_extended_study_stay(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose plan has not come to them again: a batch size more, and confirm is unknown."""
    plan(monkeypatch, {"dvc": ["d"], "mine": ["a", "b", "c", "d"]})
    for phase, names in (("sweep", ["a"]), ("confirm", ["b"])):
        (project / "results" / phase).mkdir(parents=True)
        table = pd.DataFrame({"fingerprint": names})
        table.to_parquet(project / "results" / phase / "races.parquet")
    (project / "ledger").mkdir()
    for letter in "abcd":
        (project / "ledger" / f"{letter}.parquet").touch()
    ended = CliRunner().invoke(app, ["study", "delete", "mine", "--trials", "--yes"])
    assert ended.exit_code == 0, ended.exception
    assert sorted(path.stem for path in (project / "ledger").glob("*.parquet")) == list("abd")


def test_a_question_that_nobody_answers_is_an_error() -> None:
    ended = CliRunner().invoke(app, ["study", "delete", "mine"], input="")
    assert isinstance(ended.exception, ValueError)
    assert "give --yes" in str(ended.exception)
    assert known("mine")


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("study", "run", "--batch-sizes", ""), "--batch-sizes"),
        (("study", "run", "--model", ""), "--model"),
        (("study", "run", "--goal", " "), "--goal"),
        (("study", "run", "--storage", ""), "--storage"),
        (("study", "run", "--workers", ""), "--workers"),
        (("tune", "--model", ""), "--model"),
        (("tune", "--storage", ""), "--storage"),
    ],
)
def test_an_empty_option_is_no_default(arguments: tuple[str, ...], option: str) -> None:
    """``--batch-sizes "$SIZES"`` with an unset variable would run the whole study."""
    ended = CliRunner().invoke(app, [*arguments])
    assert isinstance(ended.exception, ValueError)
    assert str(ended.exception) == f"{option} is empty; give it a value, or leave it out"


@pytest.mark.parametrize(
    ("file", "name"),
    [("étude.yaml", "tude"), ("_x.yaml", "x"), ("my study.yaml", "my-study"), ("ü.yaml", "study")],
)
def test_a_study_is_named_after_its_file(file: str, name: str, project: Path) -> None:
    shutil.copy(project / "params.yaml", project / file)
    assert chosen(None, Path(file), []).name == name


@pytest.mark.parametrize("name", ["../../ledger", "-x", ""])
def test_a_name_that_no_study_can_have_is_no_study(name: str) -> None:
    with pytest.raises(ValueError, match="is no study; studies are dvc, mine"):
        entry(name)

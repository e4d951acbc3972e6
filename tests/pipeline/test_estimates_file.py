"""An estimates.json that is missing, damaged or of another version: each reader tells."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.figures import read_estimates
from pipeline.settings import Settings
from pipeline.study import publish
from pipeline.study.advise import advise
from pipeline.study.catalogue import Entry
from pipeline.study.estimates_file import read_estimates_file
from pipeline.study.places import Places
from pipeline.study.report import report

READERS: dict[str, Callable[[Settings, Places], object]] = {
    "report": report,
    "publish": lambda _, places: publish._show_reports(cast("Any", None), places, "digits", {}),
    "advise": lambda settings, places: advise(
        Entry(places.study, settings, places), "mlp", None, None, timed=False
    ),
}
DAMAGES = {
    b"": "holds no estimates (Expecting value: line 1 column 1 (char 0))",
    b'{"schema": 2, "models"': "holds no estimates (Expecting ':' delimiter",
    b"<<<<<<< HEAD": "holds no estimates (Expecting value",
    b"\xff": "holds no estimates ('utf-8' codec can't decode",
    b"[2]": "holds no estimates ('list' object has no attribute 'get')",
    b"{}": "has schema None and this version reads 2",
    b'{"schema": 1}': "has schema 1 and this version reads 2",
    b'{"schema": 2}': "lacks 'models'",
    b'{"schema": 2, "models": []}': "",  # which of its lacks is told differs
}


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("results/studies/mine").mkdir(parents=True)


@pytest.mark.parametrize("reader", list(READERS))
@pytest.mark.parametrize("content", list(DAMAGES), ids=repr)
def test_a_damaged_file_names_the_remedy(reader: str, content: bytes, settings: Settings) -> None:
    Path("results/estimates.json").write_bytes(content)
    said = re.escape(f"results/estimates.json {DAMAGES[content]}")
    with pytest.raises(
        ValueError, match=rf"^{said}.*; remove it, then run dvc repro or dvc pull$"
    ) as told:
        READERS[reader](settings, Places())
    assert told.traceback[-1].frame.f_globals["__name__"] == "pipeline.study.estimates_file"


@pytest.mark.parametrize("reader", list(READERS))
def test_a_missing_file_names_the_remedy(reader: str, settings: Settings) -> None:
    shutil.rmtree("results")
    said = r"results/estimates\.json is missing: study dvc is not analysed yet; dvc repro does"
    with pytest.raises(ValueError, match=f"^{said}$"):
        READERS[reader](settings, Places())


def test_a_study_of_another_name_is_run_again() -> None:
    places = Places("mine", Path("results/studies/mine"))
    places.estimates.write_text("{}")
    with pytest.raises(ValueError, match=r"remove it, then run batchscope study run --name mine$"):
        read_estimates_file(places, read_estimates)

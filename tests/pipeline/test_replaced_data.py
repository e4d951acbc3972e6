"""No study trains one phase on the data that it began with, and the next on others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.manifest import read_manifest
from pipeline.settings import Settings
from pipeline.study import run as running
from pipeline.study.catalogue import entry, new_entry
from pipeline.study.download import download
from pipeline.study.places import PREPARED, Places, ledger_folder
from pipeline.study.prepare import prepare
from pipeline.study.session import session

PHASES = ["pilot", "sweep", "confirm", "analyse", "report", "publish"]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(prepared_folder, PREPARED)


@pytest.fixture
def other(settings: Settings) -> Settings:
    data = settings.data.model_copy(update={"split_seed": 1})
    return settings.model_copy(update={"data": data})


@pytest.mark.parametrize("phase", ["sweep", "confirm", "tune"])
def test_a_session_refuses_other_data_than_its_settings_name(phase: str, other: Settings) -> None:
    with (
        pytest.raises(ValueError, match=r"^data/prepared holds digits, not prepared as data in"),
        session(phase, other, Places()),  # type: ignore[arg-type]
    ):
        pytest.fail("it trains")
    assert not ledger_folder().exists()


def begin(monkeypatch: pytest.MonkeyPatch, meanwhile: dict[str, Callable[[], object]]) -> list[str]:
    """Plant phases that only do what happens meanwhile; returns those that have begun."""
    begun: list[str] = []

    def plant(name: str) -> None:
        def phase(settings: object, *_: object) -> SimpleNamespace:
            begun.append(name)
            meanwhile.get(name, lambda: None)()
            return SimpleNamespace(settings=settings)

        monkeypatch.setattr(running, name, phase)

    for name in PHASES:
        plant(name)
    monkeypatch.setattr(running, "session", lambda *_: nullcontext())
    return begun


@pytest.mark.parametrize("during", ["pilot", "sweep", "confirm"])
@pytest.mark.parametrize("gone", [False, True], ids=["replaced", "being replaced"])
def test_a_study_whose_data_are_replaced_stops(
    during: str, gone: bool, settings: Settings, other: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace() -> None:  # as dvc exp run -S data.split_seed=1
        shutil.rmtree(PREPARED)
        if not gone:
            download(other.data)
            prepare(other.data)

    began = read_manifest(PREPARED)
    begun = begin(monkeypatch, {during: replace})
    with pytest.raises(
        ValueError,
        match=r"^data/prepared was replaced while the study ran; run the same command again$",
    ):
        running.run(new_entry("mine", settings))
    assert begun == PHASES[: PHASES.index(during) + 1]

    again = begin(monkeypatch, {})
    running.run(entry("mine"))
    assert again == PHASES
    assert read_manifest(entry("mine").places.prepared).digest == began.digest

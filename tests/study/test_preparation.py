"""Which prepared folder a study uses, where its data settings are not those of DVC's."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from pipeline.manifest import Manifest
from pipeline.settings import DataSettings
from pipeline.study import preparation
from pipeline.study.places import PREPARED
from pipeline.study.preparation import ensure_prepared, prepared_folder
from tests.pipeline.datasets.miniatures import image_folder


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataSettings:
    """Settings of the data that DVC's folder holds."""
    monkeypatch.chdir(tmp_path)
    image_folder(tmp_path / "images")
    image_folder(tmp_path / "others", ("dog", "eel"))
    data = DataSettings(
        dataset="folder",
        source="images",
        examples="all",
        split_seed=0,
        validation_fraction=0.25,
        test_fraction=0.25,
    )
    ensure_prepared(data)
    assert PREPARED.is_dir()
    return data


def changed(data: DataSettings, **values: object) -> DataSettings:
    return DataSettings.model_validate(data.model_dump() | values)


def test_the_same_settings_use_the_same_folder(data: DataSettings) -> None:
    assert prepared_folder(data) == PREPARED


@pytest.mark.parametrize(
    "values", [{"source": "others"}, {"examples": 12}, {"split_seed": 1}], ids=str
)
def test_other_data_get_a_folder_of_their_own(
    data: DataSettings, values: dict[str, object]
) -> None:
    other = changed(data, **values)
    folder = prepared_folder(other)
    assert folder != PREPARED
    assert ensure_prepared(other).digest != ensure_prepared(data).digest
    assert folder.is_dir()
    assert prepared_folder(changed(other, validation_fraction=0.3)) != folder


def test_a_mirror_is_only_one_way_to_published_data(data: DataSettings) -> None:
    fashion = changed(data, dataset="fashion_mnist", source=None)
    assert prepared_folder(fashion) == prepared_folder(changed(fashion, source="/data"))


def prepared_at_once(
    first: DataSettings, second: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> tuple[Future[Manifest], Future[Manifest], int]:
    """Two commands that find no data; the second begins while the first one downloads."""
    downloading, waiting, downloads = Event(), Event(), list[Path]()
    real: Callable[[DataSettings, Path], None] = preparation.download

    def slow(data: DataSettings, raw: Path) -> None:
        downloads.append(raw)
        downloading.set()
        waiting.wait(5)
        real(data, raw)

    monkeypatch.setattr(preparation, "download", slow)
    monkeypatch.setattr(preparation, "say", lambda _: waiting.set(), raising=False)
    with ThreadPoolExecutor(2) as commands:
        one = commands.submit(ensure_prepared, first)
        assert downloading.wait(30)
        other = commands.submit(ensure_prepared, second)
    return one, other, len(downloads)


def test_two_commands_at_once_prepare_once(
    data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree("data")
    one, other, downloads = prepared_at_once(data, data, monkeypatch)
    assert one.result() == other.result()
    assert downloads == 1
    assert prepared_folder(data) == PREPARED


def test_other_data_prepared_meanwhile_are_not_taken(
    data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree("data")
    other = changed(data, split_seed=1)
    one, failed, _ = prepared_at_once(data, other, monkeypatch)
    assert one.result().made_from(data)
    with pytest.raises(ValueError, match="run the same command again"):
        failed.result()
    assert ensure_prepared(other).made_from(other)
    assert prepared_folder(data) == PREPARED

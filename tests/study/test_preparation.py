"""Which prepared folder a study uses, where its data settings are not those of DVC's."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from types import ModuleType

import pytest
from PIL import Image

from pipeline.manifest import Manifest, read_manifest
from pipeline.settings import DataSettings
from pipeline.stages import download as download_stage
from pipeline.stages import prepare as prepare_stage
from pipeline.study import data_lock as locking
from pipeline.study import guard, preparation
from pipeline.study.data_lock import data_lock
from pipeline.study.download import download
from pipeline.study.places import PREPARED, ledger_folder
from pipeline.study.preparation import dvc_folder, ensure_prepared, prepared_folder
from pipeline.study.prepare import prepare
from tests.pipeline.conftest import ROOT
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


CHANGES: dict[str, Callable[[Path], object]] = {
    "one image more": lambda images: shutil.copy(images / "bee/0.png", images / "bee/new.png"),
    "one image fewer": lambda images: (images / "cat/0.png").unlink(),
    "a class renamed": lambda images: (images / "cat").rename(images / "aardvark"),
}


@pytest.mark.parametrize("change", list(CHANGES))
@pytest.mark.parametrize("values", [{}, {"split_seed": 1}], ids=["in DVC's folder", "elsewhere"])
def test_changed_images_are_prepared_anew(
    data: DataSettings, change: str, values: dict[str, object]
) -> None:
    data = changed(data, **values)
    before, folder = ensure_prepared(data), prepared_folder(data)
    CHANGES[change](Path("images"))
    after = ensure_prepared(data)
    assert prepared_folder(data) == folder
    assert after.digest != before.digest
    assert after == read_manifest(folder)


def test_an_image_replaced_by_one_of_the_same_size_is_noticed(data: DataSettings) -> None:
    seen: list[tuple[int, str]] = []
    for shade in (10, 20):
        Image.new("RGB", (5, 6), (shade, 0, 0)).save("images/ant/0.png")
        seen.append((Path("images/ant/0.png").stat().st_size, ensure_prepared(data).digest))
    assert seen[0][0] == seen[1][0]
    assert seen[0][1] != seen[1][1]


def test_a_link_that_leads_nowhere_is_no_longer_the_image_that_it_was(data: DataSettings) -> None:
    image = Path("images/ant/0.png").rename("kept.png")
    Path("images/ant/0.png").symlink_to(image.absolute())
    ensure_prepared(data)
    image.unlink()
    with pytest.raises(FileNotFoundError) as said:  # which ends a command with its name
        ensure_prepared(data)
    assert said.value.filename == "images/ant/0.png"


def no_more_downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it downloads again")

    monkeypatch.setattr(preparation, "download", refuse)


def test_images_that_have_not_changed_are_not_read_again(
    data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("images/ant/notes.txt").write_text("no image")
    no_more_downloads(monkeypatch)
    ensure_prepared(data)


@pytest.mark.parametrize("emptied", [False, True])
def test_what_was_prepared_of_images_that_are_gone_is_kept(
    data: DataSettings, emptied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_prepared(data)
    shutil.rmtree("images")
    if emptied:  # as where a disk is not mounted
        Path("images").mkdir()
    no_more_downloads(monkeypatch)
    assert ensure_prepared(data) == before


def test_images_touched_or_prepared_by_dvc_are_the_same_data(
    data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_prepared(data)
    os.utime("images/ant/0.png", (1, 1))
    assert ensure_prepared(data) == before
    os.utime("images/ant/0.png", (2, 2))
    download(data)
    prepare(data)
    assert ensure_prepared(data) == before
    no_more_downloads(monkeypatch)
    assert ensure_prepared(data) == before


def test_images_put_back_after_dvc_prepared_others_are_prepared_anew(data: DataSettings) -> None:
    before = ensure_prepared(data)
    image = Path("images/ant/0.png")
    image.rename("kept.png")
    download(data)
    prepare(data)
    Path("kept.png").rename(image)
    assert read_manifest(PREPARED) != before
    assert ensure_prepared(data) == before


def test_a_changed_archive_is_prepared_anew(data: DataSettings) -> None:
    packed = changed(data, source=shutil.make_archive("packed", "zip", "images"))
    before = ensure_prepared(packed)
    Path("images/ant/0.png").unlink()
    assert ensure_prepared(packed) == before
    shutil.make_archive("packed", "zip", "images")
    assert ensure_prepared(packed).digest != before.digest


def test_data_that_a_study_may_be_training_on_are_not_replaced(
    data: DataSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ensure_prepared(data)
    Path("images/ant/0.png").unlink()
    monkeypatch.setattr(guard, "_LOCK_SECONDS", 0.0)
    ledger_folder().mkdir()
    with (ledger_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("1234 mine")
        lock.flush()
        with pytest.raises(ValueError, match="in use by process 1234, which trains the study mine"):
            ensure_prepared(data)
    assert read_manifest(PREPARED) == before
    assert ensure_prepared(data) != before


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
    monkeypatch.setattr(locking, "say", lambda _: waiting.set())
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


@pytest.mark.parametrize(
    ("stage", "verb"), [(download_stage, "download"), (prepare_stage, "prepare")]
)
def test_dvcs_stages_wait_until_a_command_has_prepared(
    stage: ModuleType, verb: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both would fill, and clear, the same folder."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    waiting, worked = Event(), Event()
    monkeypatch.setattr(stage, verb, lambda _: worked.set())
    monkeypatch.setattr(locking, "say", lambda _: waiting.set())
    with ThreadPoolExecutor(1) as other:
        with data_lock():
            ended = other.submit(stage.main.__wrapped__)
            assert waiting.wait(30)
            assert not worked.is_set()
        ended.result()
    assert worked.is_set()


def test_dvcs_folder_is_told_to_be_damaged_unless_its_data_are_elsewhere(
    data: DataSettings,
) -> None:
    other = changed(data, split_seed=1)
    assert dvc_folder(data) == PREPARED
    assert dvc_folder(other) == prepared_folder(other) != PREPARED
    (PREPARED / "manifest.json").write_text("{")
    assert dvc_folder(data) == dvc_folder(other) == PREPARED
    ensure_prepared(other)
    assert dvc_folder(data) == PREPARED
    assert dvc_folder(other) == prepared_folder(other) != PREPARED

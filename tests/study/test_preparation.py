"""Which prepared folder a study uses, where its data settings are not those of DVC's."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import DataSettings
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

"""Prepared images: split, measured on the training split alone, verified at every load."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays

from models.shape import Task
from models.task import Task as TaskOfNetworks
from pipeline.datasets import RawData, specification
from pipeline.images import Prepared, Split, load_prepared, read_manifest, write_prepared
from pipeline.settings import DataSettings
from pipeline.stages import download, prepare

ROOT = Path(__file__).parents[2]
DATA = DataSettings(
    dataset="digits",
    source=None,
    examples="all",
    split_seed=0,
    validation_fraction=0.125,
    test_fraction=0.125,
)


def _data(**changes: object) -> DataSettings:
    return DataSettings.model_validate(DATA.model_dump() | changes)


def _small(seed: int = 0) -> RawData:
    """40 images of 2 channels, 3×5 pixels, 4 classes; the second channel is constant."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (40, 2, 3, 5), dtype=np.uint8)
    images[:, 1] = 7
    return RawData(images, np.arange(40, dtype=np.int64) % 4)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default study's prepared folder, made by the stages themselves."""
    root = tmp_path_factory.mktemp("study")
    shutil.copy(ROOT / "params.yaml", root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        download.main()
        prepare.main()
    return root / "data" / "prepared"


def test_the_default_study_is_split_as_promised(digits: Path) -> None:
    prepared, manifest = load_prepared(digits), read_manifest(digits)
    assert prepared.task == Task(1, 8, 8, 10) == specification("digits").task
    sizes = [len(split) for split in (prepared.train, prepared.validation, prepared.test)]
    assert sizes == [1347, 225, 225]
    assert sizes == [
        manifest.train_examples,
        manifest.validation_examples,
        manifest.test_examples,
    ]
    assert (manifest.dataset, manifest.digest) == ("digits", prepared.digest)
    assert prepared.train.images.dtype == np.uint8
    for split in (prepared.train, prepared.validation, prepared.test):
        shares = np.bincount(split.labels) / len(split)
        assert np.all(np.abs(shares - 0.1) < 0.015)


def test_the_splits_hold_every_image_once_with_its_label(digits: Path) -> None:
    prepared, raw = load_prepared(digits), specification("digits").read(digits.parent / "raw")

    def rows(images: np.ndarray, labels: np.ndarray) -> list[bytes]:
        pairs = zip(images, labels, strict=True)
        return [image.tobytes() + bytes([label]) for image, label in pairs]

    parts = (prepared.train, prepared.validation, prepared.test)
    split = [row for part in parts for row in rows(part.images, part.labels)]
    assert sorted(split) == sorted(rows(raw.images, raw.labels))


def test_statistics_come_from_the_training_split_alone(digits: Path) -> None:
    prepared = load_prepared(digits)
    assert prepared.mean == pytest.approx([prepared.train.images.mean(dtype=np.float64)], rel=1e-12)
    assert prepared.std == pytest.approx([prepared.train.images.std(dtype=np.float64)], rel=1e-12)
    everything = np.concatenate([prepared.train.images, prepared.test.images])
    assert prepared.mean[0] != pytest.approx(everything.mean(dtype=np.float64), rel=1e-6)


def test_a_constant_channel_has_deviation_one(tmp_path: Path) -> None:
    manifest = write_prepared(tmp_path, DATA, _small())
    assert (manifest.mean[1], manifest.std[1]) == (7.0, 1.0)
    assert manifest.std[0] > 1


@given(images=arrays(np.uint8, (12, 2, 2, 1)))
def test_statistics_equal_the_naive_ones(
    tmp_path_factory: pytest.TempPathFactory, images: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("prepared")
    data = _data(validation_fraction=0.25, test_fraction=0.25)
    write_prepared(folder, data, RawData(images, np.zeros(12, dtype=np.int64)))
    prepared = load_prepared(folder)
    for channel in range(2):
        pixels = prepared.train.images[:, channel].astype(np.float64)
        assert prepared.mean[channel] == pytest.approx(pixels.mean(), rel=1e-12)
        assert prepared.std[channel] == pytest.approx(pixels.std() or 1.0, rel=1e-9)


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_prepared(tmp_path / name, DATA, _small())
        files = sorted((tmp_path / name).iterdir())
        contents.append([(path.name, path.read_bytes()) for path in files])
    assert contents[0] == contents[1]
    assert len(contents[0]) == 7


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (_data(split_seed=1), _small()),
        (_data(validation_fraction=0.25), _small()),
        (_data(examples=36), _small()),
        (_data(dataset="other"), _small()),
        (DATA, _small(seed=1)),
    ],
    ids=["seed", "fraction", "subset", "name", "images"],
)
def test_whatever_changes_the_data_changes_the_digest(
    tmp_path: Path, data: DataSettings, raw: RawData
) -> None:
    digests = []
    for number, made_from in enumerate([(DATA, _small()), (data, raw)]):
        folder = tmp_path / str(number)
        folder.mkdir()
        digests.append(write_prepared(folder, *made_from).digest)
    assert digests[0] != digests[1]


def test_where_data_comes_from_does_not_change_the_digest(tmp_path: Path) -> None:
    digests = set()
    for number, source in enumerate([None, "/data", ("https://example.org/a", "/data")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        digests.add(write_prepared(folder, _data(source=source), _small()).digest)
    assert len(digests) == 1


def test_a_subset_is_drawn_before_the_split(tmp_path: Path) -> None:
    raw = _small()
    raw.images[:, 1, 0, 0] = np.arange(40)  # which example it is
    manifest = write_prepared(tmp_path, _data(examples=24), raw)
    sizes = (manifest.train_examples, manifest.validation_examples, manifest.test_examples)
    assert sizes == (18, 3, 3)
    prepared = load_prepared(tmp_path)
    splits = (prepared.train, prepared.validation, prepared.test)
    labels = np.concatenate([split.labels for split in splits])
    drawn = np.concatenate([split.images[:, 1, 0, 0] for split in splits])
    assert np.bincount(labels).tolist() == [6, 6, 6, 6]
    assert len(set(drawn.tolist())) == 24
    assert np.array_equal(labels, raw.labels[drawn])


def test_the_stage_replaces_what_an_earlier_one_wrote(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(digits.parents[0], tmp_path / "data")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("split_seed: 0", "split_seed: 1"))
    (tmp_path / "data" / "prepared" / "stranger").touch()
    monkeypatch.chdir(tmp_path)
    prepare.main()
    folder = tmp_path / "data" / "prepared"
    assert read_manifest(folder).digest != read_manifest(digits).digest
    assert not (folder / "stranger").exists()
    assert load_prepared(folder).digest == read_manifest(folder).digest


def _spoil(path: Path, damage: str) -> None:
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "cut short":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        content[-9] ^= 1
        path.write_bytes(content)


SPLITS = ("train", "validation", "test")
FILES = [f"{split}_{part}.npy" for split in SPLITS for part in ("images", "labels")]


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "cut short", "empty", "one bit"])
def test_damage_is_refused_with_file_and_remedy(tmp_path: Path, name: str, damage: str) -> None:
    write_prepared(tmp_path, DATA, _small())
    _spoil(tmp_path / name, damage)
    with pytest.raises(ValueError, match=rf"{name} (is|was) .*; run the prepare stage again"):
        load_prepared(tmp_path)


def test_the_manifest_is_read_without_the_arrays(tmp_path: Path) -> None:
    written = write_prepared(tmp_path, DATA, _small())
    for name in FILES:
        (tmp_path / name).unlink()
    assert read_manifest(tmp_path) == written


@pytest.mark.parametrize(
    "edit",
    [
        {"train_examples": 31},
        {"split_seed": 3},
        {"mean": [0.0, 0.0]},
        {"digest": "0" * 64},
        {"surprise": 1},
        {"task": {"channels": 0, "height": 1, "width": 1, "classes": 1}},
        {"files": {}},
    ],
    ids=str,
)
def test_an_edited_manifest_is_refused(tmp_path: Path, edit: dict[str, object]) -> None:
    write_prepared(tmp_path, DATA, _small())
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | edit))
    with pytest.raises(ValueError, match=r"manifest.json (is|was) .*; run the prepare stage again"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["[]", "null", "3", '{"digest": 3}', "\xff"])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"manifest.json is not a whole manifest .*; run the"):
        read_manifest(tmp_path)


def test_numbers_of_other_data_pass_through() -> None:
    split = Split(np.zeros((3, 1, 2, 2), np.float32), np.zeros(3, np.int64))
    assert Prepared(Task(1, 2, 2, 2), split, split, split, (0.0,), (1.0,), "-").train is split


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (np.zeros((3, 1, 2, 2)), np.zeros(3, np.int64)),
        (np.zeros((3, 4), np.uint8), np.zeros(3, np.int64)),
        (np.zeros((0, 1, 2, 2), np.uint8), np.zeros(0, np.int64)),
        (np.zeros((3, 1, 2, 2), np.uint8), np.zeros(2, np.int64)),
        (np.zeros((3, 1, 2, 2), np.uint8), np.zeros(3)),
    ],
)
def test_splits_are_checked_at_birth(images: np.ndarray, labels: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"give|must be"):
        Split(images, labels)


def test_prepared_agrees_with_its_task() -> None:
    split = Split(np.zeros((3, 1, 2, 2), np.uint8), np.zeros(3, np.int64))
    right = Prepared(Task(1, 2, 2, 2), split, split, split, (0.0,), (1.0,), "-")
    with pytest.raises(ValueError, match="where the task has"):
        replace(right, task=Task(1, 2, 3, 2))
    with pytest.raises(ValueError, match="one number for each channel"):
        replace(right, std=(1.0, 1.0))


def test_networks_and_data_speak_of_one_task() -> None:
    assert TaskOfNetworks is Task

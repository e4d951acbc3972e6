"""One conformance suite for every registered data set, and what is known of digits."""

from __future__ import annotations

import gzip
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.dataset_specification import DatasetSpecification
from pipeline.datasets import RawData, names, specification
from tests.pipeline.datasets.miniatures import TEST, TRAIN, Made, labels, miniature, pixels


@pytest.fixture(scope="module", params=names())
def made(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Made]:
    with pytest.MonkeyPatch.context() as patch:
        yield miniature(request.param, tmp_path_factory.mktemp("home") / "files", patch)


@pytest.fixture(scope="module")
def dataset(made: Made) -> DatasetSpecification:
    return made[0]


@pytest.fixture(scope="module")
def places(made: Made) -> tuple[str, ...]:
    return made[1]


@pytest.fixture(scope="module")
def fetched(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset, places = made
    folder = tmp_path_factory.mktemp(dataset.name) / "raw"
    dataset.fetch(folder, places)
    return folder


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


class TestConformance:
    def test_it_is_what_it_declares(self, dataset: DatasetSpecification, fetched: Path) -> None:
        raw = dataset.read(fetched)
        assert specification(dataset.name).task == dataset.task
        assert dataset.licence
        assert dataset.citation
        assert dataset.examples in {None, len(raw.labels)}
        if dataset.task is not None:
            task = dataset.task
            assert raw.images.shape[1:] == (task.channels, task.height, task.width)
            assert set(np.unique(raw.labels)) == set(range(task.classes))

    def test_fetching_again_changes_nothing(
        self, dataset: DatasetSpecification, places: tuple[str, ...], fetched: Path
    ) -> None:
        before = {path: path.stat().st_mtime_ns for path in files(fetched)}
        dataset.fetch(fetched, places)
        assert {path: path.stat().st_mtime_ns for path in files(fetched)} == before

    def test_nothing_is_left_aside(self, dataset: DatasetSpecification, fetched: Path) -> None:
        dataset.read(fetched)
        assert not [path for path in files(fetched) if path.name.startswith(".")]
        assert list(fetched.parent.iterdir()) == [fetched]

    def test_reading_twice_gives_the_same(
        self, dataset: DatasetSpecification, fetched: Path
    ) -> None:
        first, second = dataset.read(fetched), dataset.read(fetched)
        assert np.array_equal(first.images, second.images)
        assert np.array_equal(first.labels, second.labels)

    def test_reading_before_fetching_says_what_to_do(
        self, dataset: DatasetSpecification, tmp_path: Path
    ) -> None:
        with pytest.raises(ValueError, match=r"is missing; run the download stage"):
            dataset.read(tmp_path)

    @pytest.mark.parametrize("which", [0, -1])
    @pytest.mark.parametrize("damage", ["changed", "cut short", "empty"])
    def test_damaged_files_are_refused_then_fetched_anew(
        self,
        dataset: DatasetSpecification,
        places: tuple[str, ...],
        fetched: Path,
        tmp_path: Path,
        damage: str,
        which: int,
    ) -> None:
        victim = files(fetched)[which].relative_to(fetched)
        dataset.fetch(tmp_path / "raw", places)
        content = bytearray((fetched / victim).read_bytes())
        content[len(content) // 2] ^= 1
        spoilt = {"changed": content, "cut short": content[:-1], "empty": b""}[damage]
        (tmp_path / "raw" / victim).write_bytes(spoilt)
        with pytest.raises(ValueError, match=rf"{victim} was changed.*; run the download"):
            dataset.read(tmp_path / "raw")
        dataset.fetch(tmp_path / "raw", places)
        again, whole = dataset.read(tmp_path / "raw"), dataset.read(fetched)
        assert np.array_equal(again.labels, whole.labels)


@pytest.mark.parametrize("name", [n for n in names() if specification(n).origin == "mirrors"])
def test_examples_are_those_of_the_files(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, places = miniature(name, tmp_path / "files", monkeypatch)
    dataset.fetch(tmp_path / "raw", places)
    raw = dataset.read(tmp_path / "raw")
    shape = raw.images.shape[1:]
    assert dataset.task is not None
    if name.startswith("cifar"):
        part = pixels(2 * dataset.task.classes, *shape)
        assert all(
            np.array_equal(part, p) for p in np.split(raw.images, len(raw.images) // len(part))
        )
        expected = np.arange(len(raw.labels)) % dataset.task.classes
    else:
        parts = [pixels(count, *(s for s in shape if s != 1)) for count in (TRAIN, TEST)]
        assert np.array_equal(raw.images, np.concatenate(parts).reshape(raw.images.shape))
        shift = name == "svhn"  # which writes the digit 0 as 10, and so 1, 2, ..., 9, 0
        expected = np.concatenate([(labels(count) + shift) % 10 for count in (TRAIN, TEST)])
    assert np.array_equal(raw.labels, expected)


def test_digits_are_scikit_learns(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    specification("digits").fetch(tmp_path)
    raw, known = specification("digits").read(tmp_path), load_digits()
    assert np.array_equal(raw.images[:, 0], known.images)
    assert np.array_equal(raw.labels, known.target)
    assert (raw.images.min(), raw.images.max()) == (0, 16)


def test_the_quadratics_noise_has_exactly_the_mean_and_covariance_it_claims(tmp_path: Path) -> None:
    specification("noisy_quadratic").fetch(tmp_path)
    raw = specification("noisy_quadratic").read(tmp_path)
    x = raw.images.reshape(-1, 100).astype(np.float64) / 127.5 - 1
    for copy in np.split(x, 130):
        assert np.array_equal(copy.sum(axis=0), np.zeros(100))
        assert np.array_equal(copy.T @ copy, 128 * np.eye(100))


def test_a_changed_scikit_learn_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = tmp_path / "sklearn" / "datasets" / "data" / "digits.csv.gz"
    bundled.parent.mkdir(parents=True)
    bundled.write_bytes(gzip.compress(b"0,1\n"))
    package = SimpleNamespace(origin=str(tmp_path / "sklearn" / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: package)
    with pytest.raises(ValueError, match=r"digits.csv.gz is not the file .*; reinstall"):
        specification("digits").fetch(tmp_path / "raw")
    bundled.unlink()
    with pytest.raises(ValueError, match=r"digits.csv.gz cannot be read .*; reinstall"):
        specification("digits").fetch(tmp_path / "raw")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"scikit-learn, .* is missing; install it"):
        specification("digits").fetch(tmp_path / "raw")
    assert not (tmp_path / "raw").exists()


@pytest.mark.parametrize(
    ("asked", "hint"), [("digit", "did you mean digits"), ("zebra", "choose one of cifar10")]
)
def test_unknown_names_are_refused_with_a_hint(asked: str, hint: str) -> None:
    with pytest.raises(ValueError, match=f"'{asked}' is no registered data set; {hint}"):
        specification(asked)


@pytest.mark.parametrize(
    ("images", "labels", "complaint"),
    [
        (np.zeros((2, 1, 3, 3)), np.zeros(2, np.int64), "give uint8"),
        (np.zeros((2, 3, 3), np.uint8), np.zeros(2, np.int64), "give uint8"),
        (np.zeros((2, 1, 3, 3), np.uint8), np.zeros(3, np.int64), "one int64 for each"),
        (np.zeros((2, 1, 3, 3), np.uint8), np.zeros(2), "one int64 for each"),
        (np.zeros((2, 1, 3, 3), np.uint8), np.array([0, -1]), "count from 0"),
        (np.zeros((0, 1, 3, 3), np.uint8), np.zeros(0, np.int64), "count from 0"),
    ],
)
def test_raw_data_is_checked_at_birth(
    images: np.ndarray, labels: np.ndarray, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        RawData(images, labels)


def test_looking_up_a_data_set_imports_neither_torch_nor_scikit_learn() -> None:
    code = (
        "import sys; from pipeline.images import read_manifest; "
        "from pipeline.settings_file import load_settings; "
        "sys.exit(bool({'torch', 'sklearn'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

"""One conformance suite for every registered data set, and what is known of digits."""

from __future__ import annotations

import gzip
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pipeline.datasets import RawData, names, specification


@pytest.fixture(scope="module", params=names())
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def fetched(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(name) / "raw"
    specification(name).fetch(folder)
    return folder


class TestConformance:
    def test_it_is_what_it_declares(self, name: str, fetched: Path) -> None:
        declared, raw = specification(name), specification(name).read(fetched)
        assert declared.name == name
        assert declared.licence
        assert declared.citation
        assert declared.examples in {None, len(raw.labels)}
        if declared.task is not None:
            task = declared.task
            assert raw.images.shape[1:] == (task.channels, task.height, task.width)
            assert set(np.unique(raw.labels)) == set(range(task.classes))

    def test_fetching_again_changes_nothing(self, name: str, fetched: Path) -> None:
        before = {path.name: path.stat().st_mtime_ns for path in fetched.iterdir()}
        specification(name).fetch(fetched)
        assert {path.name: path.stat().st_mtime_ns for path in fetched.iterdir()} == before

    def test_fetching_leaves_nothing_aside(self, fetched: Path) -> None:
        assert not [path for path in fetched.iterdir() if path.name.startswith(".")]

    def test_reading_before_fetching_says_what_to_do(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match=r"is missing; run the download stage"):
            specification(name).read(tmp_path)

    @pytest.mark.parametrize("damage", ["changed", "cut short", "empty"])
    def test_damaged_files_are_refused_then_fetched_anew(
        self, name: str, fetched: Path, tmp_path: Path, damage: str
    ) -> None:
        dataset = specification(name)
        victim = next(fetched.iterdir())
        dataset.fetch(tmp_path)
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 1
        spoilt = {"changed": content, "cut short": content[:-1], "empty": b""}[damage]
        (tmp_path / victim.name).write_bytes(spoilt)
        with pytest.raises(ValueError, match=rf"{victim.name} was changed.*; run the download"):
            dataset.read(tmp_path)
        dataset.fetch(tmp_path)
        assert np.array_equal(dataset.read(tmp_path).labels, dataset.read(fetched).labels)


def test_digits_are_scikit_learns(tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    specification("digits").fetch(tmp_path)
    raw, known = specification("digits").read(tmp_path), load_digits()
    assert np.array_equal(raw.images[:, 0], known.images)
    assert np.array_equal(raw.labels, known.target)
    assert (raw.images.min(), raw.images.max()) == (0, 16)


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
    ("asked", "hint"), [("digit", "did you mean digits"), ("zebra", "choose one of digits")]
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
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0

"""The data set `digits`: 1,797 handwritten digits of 8×8 pixels that come with scikit-learn."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from models.shape import Task
from pipeline.aside import write_aside
from pipeline.dataset_specification import DatasetSpecification, RawData
from pipeline.datasets.raw_manifest import REMEDY

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DIGITS"]

_FILE: Final = "digits.csv.gz"
_SHA256: Final = "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22"
_SIDE: Final = 8  # pixels


def _fetch(folder: Path, places: Sequence[str] = ()) -> None:
    del places  # it comes with scikit-learn
    target = folder / _FILE
    if target.is_file() and _intact(target.read_bytes()):
        return
    bundled = _bundled()
    try:
        content = bundled.read_bytes()
    except OSError as error:
        raise ValueError(
            f"{bundled} cannot be read ({error.strerror}); reinstall scikit-learn"
        ) from None
    if not _intact(content):
        raise ValueError(
            f"{bundled} is not the file this project knows (its SHA-256 differs from {_SHA256}); "
            "reinstall scikit-learn in the locked version"
        )
    write_aside(target, content)


def _read(folder: Path) -> RawData:
    path = folder / _FILE
    if not path.is_file():
        raise ValueError(f"{path} is missing; {REMEDY}")
    content = path.read_bytes()
    if not _intact(content):
        raise ValueError(f"{path} was changed or cut short (its SHA-256 differs); {REMEDY}")
    lines = gzip.decompress(content).decode("ascii").split()
    table = np.array([line.split(",") for line in lines]).astype(np.int64)
    pixels, labels = table[:, :-1], table[:, -1]
    return RawData(pixels.astype(np.uint8).reshape(-1, 1, _SIDE, _SIDE), labels.copy())


def _bundled() -> Path:
    # Found, not imported: scikit-learn takes two seconds, and only its data file is wanted.
    package = importlib.util.find_spec("sklearn")
    if package is None or package.origin is None:
        raise ValueError("scikit-learn, which brings digits along, is missing; install it")
    return Path(package.origin).parent / "datasets" / "data" / _FILE


def _intact(content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == _SHA256


DIGITS: Final = DatasetSpecification(
    name="digits",
    task=Task(channels=1, height=_SIDE, width=_SIDE, classes=10),
    examples=1797,
    licence="CC BY 4.0",
    citation=(
        "E. Alpaydin and C. Kaynak (1998). Optical Recognition of Handwritten Digits (test part). "
        "UCI Machine Learning Repository. https://doi.org/10.24432/C50P49"
    ),
    origin="bundled",
    fetch=_fetch,
    read=_read,
)

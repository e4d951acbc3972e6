"""The data set `noisy_quadratic`: noise of exactly known mean and covariance, in pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.shape import Task
from pipeline.aside import write_aside
from pipeline.dataset_specification import DatasetSpecification, RawData
from pipeline.datasets.raw_manifest import REMEDY

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["NOISY_QUADRATIC"]

_FILE: Final = "hadamard.bin"
_ORDER: Final = 128  # rows of the Hadamard matrix
_SIDE: Final = 10  # pixels
_COPIES: Final = 130  # of every row; 128 to train on, one each to validate and to test


def _fetch(folder: Path, places: Sequence[str] = ()) -> None:
    del places  # it is computed
    target = folder / _FILE
    if not target.is_file() or target.read_bytes() != _rows().tobytes():
        write_aside(target, _rows().tobytes())


def _read(folder: Path) -> RawData:
    path = folder / _FILE
    if not path.is_file():
        raise ValueError(f"{path} is missing; {REMEDY}")
    if path.read_bytes() != (rows := _rows()).tobytes():
        raise ValueError(f"{path} was changed or cut short; {REMEDY}")
    images = np.tile(rows.reshape(_ORDER, 1, _SIDE, _SIDE), (_COPIES, 1, 1, 1))
    return RawData(images, np.tile(np.arange(_ORDER, dtype=np.int64), _COPIES))


def _rows() -> NDArray[np.uint8]:
    """Columns 1 to 100 of Sylvester's Hadamard matrix, entry (i, j) = (−1)^popcount(i AND j).

    As pixels, 255 for 1 and 0 for −1. No column but the left-out first is constant, and all are
    orthogonal: over the 128 rows every pixel has mean 0 and every pair of pixels covariance 0.
    """
    row, column = np.arange(_ORDER)[:, None], np.arange(1, _SIDE**2 + 1)
    odd = np.bitwise_count(row & column) % 2
    return np.where(odd, 0, 255).astype(np.uint8)


NOISY_QUADRATIC: Final = DatasetSpecification(
    name="noisy_quadratic",
    task=Task(channels=1, height=_SIDE, width=_SIDE, classes=_ORDER),
    examples=_ORDER * _COPIES,
    licence="computed, in nobody's possession",
    citation=(
        "G. Zhang, L. Li, Z. Nado, J. Martens, S. Sachdeva, G. Dahl, C. Shallue and R. Grosse "
        "(2019). Which Algorithmic Choices Matter at Which Batch Sizes? Insights From a Noisy "
        "Quadratic Model. NeurIPS 32. https://arxiv.org/abs/1907.04164"
    ),
    origin="bundled",
    fetch=_fetch,
    read=_read,
    objective="noisy quadratic",
)

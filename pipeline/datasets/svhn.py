"""SVHN: 99,289 colour images of house numbers' digits, 32×32 pixels, in two Matlab files.

SHA-256 and sizes are those that TensorFlow Datasets publishes (url_checksums/svhn_cropped.txt).
The 531,131 `extra` examples are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.shape import Task
from pipeline.dataset_specification import RawData
from pipeline.datasets.known_file import KnownFile
from pipeline.datasets.published import PublishedDataset
from pipeline.datasets.readers import reader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SVHN"]

_FILES: Final = (
    KnownFile(
        "train_32x32.mat",
        182_040_794,
        "435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8",
    ),
    KnownFile(
        "test_32x32.mat",
        64_275_384,
        "cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b",
    ),
)


def unpack(folder: Path, root: Path) -> None:
    """Put the files, which are not packed, where torchvision looks for them."""
    for file in _FILES:
        (root / file.name).symlink_to((folder / file.name).resolve())


def parse(root: Path) -> RawData:
    """Read a root with torchvision: its training examples, then its test examples."""
    parts = [reader("SVHN")(root, split=split) for split in ("train", "test")]
    images = np.concatenate([part.data for part in parts])
    return RawData(images, np.concatenate([part.labels for part in parts]))


SVHN: Final = PublishedDataset(
    name="svhn",
    task=Task(channels=3, height=32, width=32, classes=10),
    examples=99_289,
    licence="non-commercial use only",
    citation=(
        "Y. Netzer, T. Wang, A. Coates, A. Bissacco, B. Wu and A. Y. Ng (2011). Reading Digits in "
        "Natural Images with Unsupervised Feature Learning. NIPS Workshop on Deep Learning and "
        "Unsupervised Feature Learning. http://ufldl.stanford.edu/housenumbers/"
    ),
    files=_FILES,
    mirrors=("http://ufldl.stanford.edu/housenumbers",),
    inside="",
    unpack=unpack,
    parse=parse,
)

"""CIFAR-10 and CIFAR-100: 60,000 colour images of 32×32 pixels, pickled in one archive.

A pickle runs code when it is read, so nothing is read before the archive is known by its SHA-256
(that of Keras, datasets/cifar10.py and cifar100.py); torchvision checks every member once more.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from models.shape import Task
from pipeline.dataset_specification import RawData
from pipeline.datasets.archives import unpack as unpack_archive
from pipeline.datasets.known_file import KnownFile
from pipeline.datasets.published import PublishedDataset
from pipeline.datasets.readers import reader

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CIFAR10", "CIFAR100"]

_SIDE: Final = 32  # pixels
_HOME: Final = "https://www.cs.toronto.edu/~kriz"
_MAX_BYTES: Final = 250_000_000  # unpacked; both archives take about 186 MB
_CITATION: Final = (
    "A. Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images. Technical "
    "report, University of Toronto. https://www.cs.toronto.edu/~kriz/cifar.html"
)


def unpack(file: KnownFile, folder: Path, root: Path) -> None:
    """Unpack the archive where torchvision looks for its members."""
    unpack_archive(folder / file.name, root, _MAX_BYTES)


def parse(kind: str, root: Path) -> RawData:
    """Read a root with torchvision.

    Args:
        kind: Name of torchvision's class.
        root: That it reads.

    Returns:
        Its training examples, then its test examples.
    """
    parts = [reader(kind)(root, train=train) for train in (True, False)]
    images = np.concatenate([part.data for part in parts]).transpose(0, 3, 1, 2)
    labels = np.concatenate([np.asarray(part.targets, dtype=np.int64) for part in parts])
    return RawData(np.ascontiguousarray(images), labels)


def _dataset(classes: int, size: int, sha256: str, mirrors: tuple[str, ...]) -> PublishedDataset:
    file = KnownFile(f"cifar-{classes}-python.tar.gz", size, sha256)
    return PublishedDataset(
        name=f"cifar{classes}",
        task=Task(channels=3, height=_SIDE, width=_SIDE, classes=classes),
        examples=60_000,
        licence="none stated by its author",
        citation=_CITATION,
        files=(file,),
        mirrors=mirrors,
        inside="",
        unpack=partial(unpack, file),
        parse=partial(parse, f"CIFAR{classes}"),
    )


CIFAR10: Final = _dataset(
    10,
    170_498_071,
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    (_HOME, "https://storage.googleapis.com/tensorflow/tf-keras-datasets"),
)
CIFAR100: Final = _dataset(
    100,
    169_001_437,
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
    (_HOME,),
)

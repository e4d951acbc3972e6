"""MNIST and two data sets of its form: 70,000 grey images of 28×28 pixels in four gzip files.

SHA-256 and sizes are those that TensorFlow Datasets publishes (url_checksums/*.txt).
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from models.shape import Task
from pipeline.dataset_specification import RawData
from pipeline.datasets.archives import gunzip
from pipeline.datasets.known_file import KnownFile
from pipeline.datasets.published import PublishedDataset
from pipeline.datasets.readers import reader

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["FASHION_MNIST", "KMNIST", "MNIST"]

_SIDE: Final = 28  # pixels
_IMAGES, _LABELS = 0x803, 0x801  # magic numbers: unsigned bytes in three dimensions, and in one


def _known(
    digests: Sequence[str], sizes: Sequence[int], contents: Sequence[str | None] = (None,) * 4
) -> tuple[KnownFile, ...]:
    """The four files, in the order train images, train labels, test images, test labels."""
    names = [f"{part}-{what}-ubyte.gz" for part in ("train", "t10k") for what in _KINDS]
    held = [
        16 + 60_000 * _SIDE * _SIDE,
        8 + 60_000,
        16 + 10_000 * _SIDE * _SIDE,
        8 + 10_000,
    ]
    return tuple(map(KnownFile, names, sizes, digests, contents, held))


_KINDS: Final = ("images-idx3", "labels-idx1")


def unpack(files: Sequence[KnownFile], inside: str, folder: Path, root: Path) -> None:
    """Unpack the gzip files where torchvision looks for them, and check their headers.

    Args:
        files: Names and unpacked sizes.
        inside: Where below its root torchvision looks.
        folder: Holds the files.
        root: Gets the unpacked ones.

    Raises:
        ValueError: If a header is not that of images of 28×28 pixels, or labels, of that number.
    """
    for file in files:
        target = root / inside / file.name.removesuffix(".gz")
        gunzip(folder / file.name, target, file.content_size)
        with target.open("rb") as unpacked:
            header = unpacked.read(16)
        if _KINDS[0] in file.name:
            count = (file.content_size - 16) // (_SIDE * _SIDE)
            expected = struct.pack(">IIII", _IMAGES, count, _SIDE, _SIDE)
        else:
            expected = struct.pack(">II", _LABELS, file.content_size - 8)
        if not header.startswith(expected):
            raise ValueError(f"{folder / file.name} does not hold what its name says")


def parse(kind: str, root: Path) -> RawData:
    """Read a root with torchvision.

    Args:
        kind: Name of torchvision's class.
        root: That it reads.

    Returns:
        Its training examples, then its test examples.
    """
    parts = [reader(kind)(root, train=train) for train in (True, False)]
    images = np.concatenate([part.data.numpy() for part in parts])
    labels = np.concatenate([part.targets.numpy() for part in parts])
    return RawData(images[:, None], labels.astype(np.int64))


def _dataset(
    name: str, kind: str, files: tuple[KnownFile, ...], mirrors: Sequence[str], licence: str,
    citation: str,
) -> PublishedDataset:  # fmt: skip
    inside = f"{kind}/raw"
    return PublishedDataset(
        name=name,
        task=Task(channels=1, height=_SIDE, width=_SIDE, classes=10),
        examples=70_000,
        licence=licence,
        citation=citation,
        files=files,
        mirrors=tuple(mirrors),
        inside=inside,
        unpack=partial(unpack, files, inside),
        parse=partial(parse, kind),
    )


MNIST: Final = _dataset(
    "mnist",
    "MNIST",
    _known(
        (
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (9_912_422, 28_881, 1_648_877, 4_542),
    ),
    (
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        "https://storage.googleapis.com/cvdf-datasets/mnist",
    ),
    "CC BY-SA 3.0",
    "Y. LeCun, C. Cortes and C. J. C. Burges (1998). The MNIST database of handwritten digits. "
    "http://yann.lecun.com/exdb/mnist/",
)
FASHION_MNIST: Final = _dataset(
    "fashion_mnist",
    "FashionMNIST",
    _known(
        (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        (26_421_880, 29_515, 4_422_102, 5_148),
        # Of the same files in Debian's package dataset-fashion-mnist, whose gzip headers lack a
        # name. With the name and time put back they are the published files, byte for byte.
        (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ),
    (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
    ),
    "MIT",
    "H. Xiao, K. Rasul and R. Vollgraf (2017). Fashion-MNIST: a Novel Image Dataset for "
    "Benchmarking Machine Learning Algorithms. https://arxiv.org/abs/1708.07747",
)
KMNIST: Final = _dataset(
    "kmnist",
    "KMNIST",
    _known(
        (
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        (18_165_135, 29_497, 3_041_136, 5_120),
    ),
    ("http://codh.rois.ac.jp/kmnist/dataset/kmnist",),
    "CC BY-SA 4.0",
    "T. Clanuwat, M. Bober-Irizar, A. Kitamoto, A. Lamb, K. Yamamoto and D. Ha (2018). Deep "
    "Learning for Classical Japanese Literature. https://doi.org/10.20676/00000341",
)

"""Small data sets in the formats of the real ones, made on the spot."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets
from numpy.typing import NDArray
from PIL import Image
from scipy.io import savemat

from pipeline.dataset_specification import DatasetSpecification
from pipeline.datasets import cifar, mnist, specification, svhn
from pipeline.datasets.known_file import KnownFile
from pipeline.datasets.published import PublishedDataset

TRAIN, TEST = 60, 20
Made = tuple[DatasetSpecification, tuple[str, ...]]


def miniature(name: str, folder: Path, patch: pytest.MonkeyPatch) -> Made:
    """The data set by this name, made small, and the places where its files are."""
    makers: dict[str, Callable[[], DatasetSpecification]] = {
        "mnist": lambda: _idx(mnist.MNIST, folder).specification(),
        "fashion_mnist": lambda: _idx(mnist.FASHION_MNIST, folder).specification(),
        "kmnist": lambda: _idx(mnist.KMNIST, folder).specification(),
        "cifar10": lambda: _cifar(cifar.CIFAR10, folder, patch).specification(),
        "cifar100": lambda: _cifar(cifar.CIFAR100, folder, patch).specification(),
        "svhn": lambda: _svhn(folder, patch).specification(),
        "folder": lambda: image_folder(folder),
    }
    if name not in makers:
        return specification(name), ()  # which needs no place to come from
    folder.mkdir(parents=True)
    return makers[name](), (str(folder),)


def fashion(folder: Path) -> PublishedDataset:
    folder.mkdir(parents=True)
    return _idx(mnist.FASHION_MNIST, folder)


def pixels(count: int, *shape: int) -> NDArray[np.uint8]:
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


def labels(count: int, classes: int = 10) -> NDArray[np.uint8]:
    return (np.arange(count) % classes).astype(np.uint8)


def image_folder(
    folder: Path, classes: tuple[str, ...] = ("ant", "bee", "cat")
) -> DatasetSpecification:
    for label, name in enumerate(classes):
        (folder / name / "deep").mkdir(parents=True)
        for index, image in enumerate(pixels(4 + label, 6, 5, 3)):
            below = "deep/" if index == 1 else ""
            Image.fromarray(image).save(folder / name / f"{below}{index}.png")
    (folder / "README.txt").write_text("not an image")
    return specification("folder")


def _known(path: Path, content_size: int = 0) -> KnownFile:
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return KnownFile(path.name, len(content), digest, None, content_size)


def _idx(real: PublishedDataset, folder: Path) -> PublishedDataset:
    files: list[KnownFile] = []
    for part, count in (("train", TRAIN), ("t10k", TEST)):
        images = struct.pack(">IIII", 0x803, count, 28, 28) + pixels(count, 28, 28).tobytes()
        classes = struct.pack(">II", 0x801, count) + labels(count).tobytes()
        for kind, content in (("images-idx3", images), ("labels-idx1", classes)):
            path = folder / f"{part}-{kind}-ubyte.gz"
            path.write_bytes(gzip.compress(content, mtime=0))
            files.append(_known(path, len(content)))
    assert [file.name for file in files] == [file.name for file in real.files]
    unpack = partial(mnist.unpack, tuple(files), real.inside)
    return replace(real, files=tuple(files), examples=TRAIN + TEST, unpack=unpack)


def _cifar(real: PublishedDataset, folder: Path, patch: pytest.MonkeyPatch) -> PublishedDataset:
    kind = getattr(torchvision.datasets, real.name.upper())
    classes = real.task.classes
    key = "labels" if classes == 10 else "fine_labels"
    count = 2 * classes
    members: dict[str, bytes] = {}
    for member, _ in kind.train_list + kind.test_list:
        entry = {"data": pixels(count, 3072), key: labels(count, classes).tolist()}
        members[member] = pickle.dumps(entry)
    members[kind.meta["filename"]] = pickle.dumps({
        kind.meta["key"]: list(map(str, range(classes)))
    })
    path = folder / real.files[0].name
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members.items():
            entry = tarfile.TarInfo(f"{kind.base_folder}/{member}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    md5 = {member: hashlib.md5(content).hexdigest() for member, content in members.items()}
    patch.setattr(kind, "train_list", [[member, md5[member]] for member, _ in kind.train_list])
    patch.setattr(kind, "test_list", [[member, md5[member]] for member, _ in kind.test_list])
    patch.setattr(kind, "meta", kind.meta | {"md5": md5[kind.meta["filename"]]})
    file = _known(path)
    return replace(
        real,
        files=(file,),
        examples=count * (len(members) - 1),
        unpack=partial(cifar.unpack, file),
    )


def _svhn(folder: Path, patch: pytest.MonkeyPatch) -> PublishedDataset:
    split_list = dict(torchvision.datasets.SVHN.split_list)
    files: list[KnownFile] = []
    for split, count in (("train", TRAIN), ("test", TEST)):
        path = folder / f"{split}_32x32.mat"
        images = pixels(count, 3, 32, 32).transpose(2, 3, 1, 0)
        savemat(path, {"X": images, "y": labels(count)[:, None] + 1})
        address, name, _ = split_list[split]
        split_list[split] = [address, name, hashlib.md5(path.read_bytes()).hexdigest()]
        files.append(_known(path))
    patch.setattr(torchvision.datasets.SVHN, "split_list", split_list)
    return replace(svhn.SVHN, files=tuple(files), examples=TRAIN + TEST)

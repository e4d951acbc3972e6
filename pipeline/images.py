"""Prepared images: split once, stored as plain arrays, verified whenever they are loaded.

Shapes: N examples, C channels, H height, W width.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models.shape import Task
from pipeline.manifest import Manifest, read_manifest, verified_bytes, write_manifest
from pipeline.splits import split_sizes, stratified_split, stratified_subset

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from pipeline.dataset_specification import RawData
    from pipeline.settings import DataSettings

__all__ = ["Manifest", "Prepared", "Split", "load_prepared", "read_manifest", "write_prepared"]

_CHUNK = 4096  # examples counted at once, which bounds memory


@dataclass(frozen=True, eq=False)
class Split:
    """Examples of one split.

    Attributes:
        images: [N, C, H, W], raw uint8 pixels, or float32 that is fed to networks as it is.
        labels: Class of every image, [N] int64.
    """

    images: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype not in {np.dtype(np.uint8), np.dtype(np.float32)}:
            raise ValueError(f"images are {self.images.dtype}; give uint8 or float32")
        if self.images.ndim != 4 or not len(self.images):
            raise ValueError(f"images are {self.images.shape}; give [N, C, H, W] with N above 0")
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError("labels must be int64, one for each image")

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A data set that is ready to train on.

    Attributes:
        task: Sizes of the images and number of classes.
        train: Examples to train on.
        validation: Examples to measure goals on.
        test: Examples for confirm's test figures.
        mean: Mean of every channel over the training split, in the images' units.
        std: Standard deviation of every channel over the training split, in the images' units.
        digest: SHA-256 over all of it; part of every fingerprint.
    """

    task: Task
    train: Split
    validation: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str

    def __post_init__(self) -> None:
        shape = (self.task.channels, self.task.height, self.task.width)
        for split in (self.train, self.validation, self.test):
            if split.images.shape[1:] != shape:
                raise ValueError(f"images are {split.images.shape[1:]} where the task has {shape}")
        if not len(self.mean) == len(self.std) == self.task.channels:
            raise ValueError("mean and std need one number for each channel")


def write_prepared(folder: Path, data: DataSettings, raw: RawData) -> Manifest:
    """Draw examples, split them and write arrays with a manifest; the same bytes every time.

    An empty split, or a training split that lacks a class, is a ValueError with the remedy.

    Args:
        folder: Exists and is empty.
        data: Name of the data set, how much of it, seed and shares of its split.
        raw: All examples.

    Returns:
        What was written.
    """
    raw = _drawn(data, raw)
    examples, channels, height, width = raw.images.shape
    sizes = split_sizes(examples, data.validation_fraction, data.test_fraction)
    indices = stratified_split(raw.labels, sizes, data.split_seed)
    arrays: dict[str, NDArray[np.uint8] | NDArray[np.int64]] = {}
    for name, chosen in vars(indices).items():
        arrays[f"{name}_images.npy"] = raw.images[chosen]
        arrays[f"{name}_labels.npy"] = raw.labels[chosen]
    mean, std = _channel_statistics(raw.images[indices.train])
    manifest = Manifest(
        dataset=data.dataset,
        task=Task(channels, height, width, int(raw.labels.max()) + 1),
        split_seed=data.split_seed,
        validation_fraction=data.validation_fraction,
        test_fraction=data.test_fraction,
        train_examples=sizes.train,
        validation_examples=sizes.validation,
        test_examples=sizes.test,
        mean=mean,
        std=std,
        files={name: _write_array(folder / name, array) for name, array in arrays.items()},
        examples=data.examples,
        places=data.places,
    )
    write_manifest(folder, manifest)
    return manifest


def load_prepared(folder: Path) -> Prepared:
    """Load a prepared data set and verify every file of it.

    A file that is missing, was changed or cut short is a ValueError that names it and the remedy.

    Args:
        folder: That the prepare stage wrote.

    Returns:
        Splits, statistics and the digest of it all.
    """
    manifest = read_manifest(folder)
    arrays = {
        name: np.load(io.BytesIO(verified_bytes(folder / name, sha256)), allow_pickle=False)
        for name, sha256 in manifest.files.items()
    }
    train, validation, test = (
        Split(arrays[f"{name}_images.npy"], arrays[f"{name}_labels.npy"])
        for name in ("train", "validation", "test")
    )
    return Prepared(
        manifest.task, train, validation, test, manifest.mean, manifest.std, manifest.digest
    )


def _drawn(data: DataSettings, raw: RawData) -> RawData:
    if data.examples == "all":
        return raw
    chosen = stratified_subset(raw.labels, data.examples, data.split_seed)
    return replace(raw, images=raw.images[chosen], labels=raw.labels[chosen])


def _write_array(path: Path, array: NDArray[np.uint8] | NDArray[np.int64]) -> str:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    path.write_bytes(buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()


def _channel_statistics(
    images: NDArray[np.uint8],
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of every channel, 1 for a constant one.

    Counted in integers, so that the last bit depends on neither the machine nor its summation.
    """
    means: list[float] = []
    stds: list[float] = []
    for channel in range(images.shape[1]):
        counts = np.zeros(256, dtype=np.int64)
        for start in range(0, len(images), _CHUNK):
            pixels = images[start : start + _CHUNK, channel].ravel()
            counts += np.bincount(pixels, minlength=256)
        n = int(counts.sum())
        total = sum(value * int(count) for value, count in enumerate(counts))
        squares = sum(value * value * int(count) for value, count in enumerate(counts))
        means.append(total / n)
        stds.append(math.sqrt((n * squares - total * total) / (n * n)) or 1.0)
    return tuple(means), tuple(stds)

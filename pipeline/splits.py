"""The fixed, stratified split of a data set into training, validation and test examples."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "SplitIndices",
    "SplitSizes",
    "split_sizes",
    "stratified_split",
    "stratified_subset",
]


@dataclass(frozen=True)
class SplitSizes:
    """Examples in each split."""

    train: int
    validation: int
    test: int


@dataclass(frozen=True, eq=False)
class SplitIndices:
    """Which examples are in each split: indices into the raw data, ascending, int64."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def split_sizes(examples: int, validation_fraction: float, test_fraction: float) -> SplitSizes:
    """Sizes of the splits: both held-out shares rounded, halves up; training has the rest.

    Args:
        examples: Examples N of the data set, at least 1.
        validation_fraction: Share of N in (0, 1).
        test_fraction: Share of N in (0, 1); both shares add up to less than 1.

    Returns:
        Three sizes of at least 0 that add up to N.
    """
    validation = math.floor(examples * validation_fraction + 0.5)
    test = math.floor(examples * test_fraction + 0.5)
    return SplitSizes(examples - validation - test, validation, test)


def stratified_subset(labels: NDArray[np.int64], examples: int, seed: int) -> NDArray[np.int64]:
    """Draw some of all examples, every class with its share of the whole (largest remainder).

    Args:
        labels: Class of every example, [N].
        examples: How many to draw.
        seed: Seed of the draw, by PCG64's raw output, a stream apart from the split's.

    Returns:
        Indices, ascending, int64.

    Raises:
        ValueError: If there are fewer examples, or a class would have none.
    """
    if examples > len(labels):
        raise ValueError(
            f"data.examples is {examples:,}, and there are {len(labels):,}; write all, or fewer"
        )
    classes, counts = np.unique(labels, return_counts=True)
    shares = _shares(counts, examples)
    if not shares.all():
        raise ValueError(
            f"data.examples is {examples:,}, which leaves class {classes[shares == 0][0]} without "
            "an example; draw more"
        )
    shuffled = np.argsort(np.random.PCG64([seed, 1]).random_raw(len(labels)), kind="stable")
    drawn = [
        shuffled[labels[shuffled] == label][:share]
        for label, share in zip(classes, shares, strict=True)
    ]
    return np.sort(np.concatenate(drawn)).astype(np.int64)


def stratified_split(labels: NDArray[np.int64], sizes: SplitSizes, seed: int) -> SplitIndices:
    """Draw splits of exactly the given sizes, each with the classes' shares of the whole.

    Every class has its share of the validation split, and of the test split among what is then
    left, rounded up or down (largest remainder). The draw uses PCG64's raw output, which NumPy
    guarantees never to change, so a seed means the same split for ever.

    Args:
        labels: Class of every example, [N].
        sizes: Sizes that add up to N.
        seed: Seed of the draw.

    Returns:
        Disjoint indices that cover all N examples.

    Raises:
        ValueError: If a split is empty, or the training split lacks a class.
    """
    if min(sizes.train, sizes.validation, sizes.test) < 1:
        raise ValueError(
            f"{len(labels)} examples split into {sizes.train} for training, {sizes.validation} for "
            f"validation and {sizes.test} for test; change data.validation_fraction or "
            "data.test_fraction so that each has one"
        )
    classes, counts = np.unique(labels, return_counts=True)
    validation = _shares(counts, sizes.validation)
    test = _shares(counts - validation, sizes.test)
    short = classes[counts == validation + test]
    if len(short):
        raise ValueError(
            f"class {short[0]} has too few examples for the training split to hold one; make "
            "data.validation_fraction or data.test_fraction smaller"
        )
    shuffled = np.argsort(np.random.PCG64(seed).random_raw(len(labels)), kind="stable")
    assigned = np.zeros(len(labels), dtype=np.int8)
    for label, held, tested in zip(classes, validation, test, strict=True):
        members = shuffled[labels[shuffled] == label]
        assigned[members[:held]] = 1
        assigned[members[held : held + tested]] = 2
    return SplitIndices(*(np.flatnonzero(assigned == split).astype(np.int64) for split in range(3)))


def _shares(counts: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Largest-remainder apportionment of ``total`` in proportion to ``counts``, in integers."""
    quotas, remainders = np.divmod(counts * total, counts.sum())
    left = total - int(quotas.sum())
    quotas[np.argsort(-remainders, kind="stable")[:left]] += 1
    return quotas

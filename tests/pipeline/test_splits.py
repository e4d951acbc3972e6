"""Splits are disjoint, cover everything, are stratified, and stay what they are."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.splits import SplitSizes, split_sizes, stratified_split, stratified_subset

FRACTION = st.floats(0.01, 0.49)


def test_sizes_of_the_default_study() -> None:
    assert split_sizes(1797, 0.125, 0.125) == SplitSizes(train=1347, validation=225, test=225)


@given(examples=st.integers(1, 10**7), validation=FRACTION, test=FRACTION)
def test_sizes_add_up_and_are_within_half_an_example(
    examples: int, validation: float, test: float
) -> None:
    sizes = split_sizes(examples, validation, test)
    assert sizes.train + sizes.validation + sizes.test == examples
    assert sizes.train >= 0
    assert abs(sizes.validation - examples * validation) <= 0.5
    assert abs(sizes.test - examples * test) <= 0.5


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    validation=FRACTION,
    test=FRACTION,
    seed=st.integers(0, 2**31 - 1),
)
def test_splits_are_disjoint_cover_everything_and_are_stratified(
    counts: list[int], validation: float, test: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts), dtype=np.int64), counts)
    sizes = split_sizes(len(labels), validation, test)
    try:
        split = stratified_split(labels, sizes, seed)
    except ValueError:
        assume(False)
    parts = (split.train, split.validation, split.test)
    assert [len(part) for part in parts] == [sizes.train, sizes.validation, sizes.test]
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(labels)))
    assert all(np.all(np.diff(part) > 0) for part in parts)
    for part, slack in zip(parts, (2, 1, 2), strict=True):
        shares = np.array(counts) * len(part) / len(labels)
        assert np.all(np.abs(np.bincount(labels[part], minlength=len(counts)) - shares) < slack)


def test_every_member_of_a_class_can_end_in_every_split() -> None:
    labels, sizes = np.zeros(8, dtype=np.int64), SplitSizes(4, 2, 2)
    splits = [stratified_split(labels, sizes, seed) for seed in range(200)]
    counts = [np.bincount(np.concatenate([s.validation for s in splits]), minlength=8)]
    counts.append(np.bincount(np.concatenate([s.test for s in splits]), minlength=8))
    # 200 draws with chance 1/4: mean 50, deviation 6.1; fixed seeds, so this never flickers
    assert np.all(np.abs(np.array(counts) - 50) < 5 * 6.1)


def test_a_seed_means_the_same_split_for_ever() -> None:
    labels = np.arange(100, dtype=np.int64) % 3
    split = stratified_split(labels, SplitSizes(60, 20, 20), 7)
    digest = hashlib.sha256(split.train.astype("<i8").tobytes()).hexdigest()
    assert digest == "3600ec7aab53529ac0957798a411d202ace24ddd2b35c8e5281c0bd803c546f3"


@pytest.mark.parametrize("sizes", [SplitSizes(0, 2, 2), SplitSizes(3, 0, 1), SplitSizes(3, 1, 0)])
def test_empty_splits_are_refused(sizes: SplitSizes) -> None:
    with pytest.raises(ValueError, match=r"change data.validation_fraction or data.test_fraction"):
        stratified_split(np.zeros(4, dtype=np.int64), sizes, 0)


def test_a_class_that_training_lacks_is_refused() -> None:
    labels = np.array([0] * 9 + [1], dtype=np.int64)
    with pytest.raises(ValueError, match=r"class 1 has too few examples"):
        stratified_split(labels, SplitSizes(1, 5, 4), 0)


@given(
    counts=st.lists(st.integers(1, 60), min_size=1, max_size=8),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_subsets_have_the_size_asked_for_and_are_stratified(
    counts: list[int], share: float, seed: int
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    examples = max(1, round(share * len(labels)))
    try:
        drawn = stratified_subset(labels, examples, seed)
    except ValueError:
        assert examples < len(labels)
        return
    assert len(drawn) == examples
    assert np.all(np.diff(drawn) > 0)
    held = np.bincount(labels[drawn], minlength=len(counts))
    assert np.all(held >= 1)
    assert np.all(np.abs(held - np.array(counts) * examples / len(labels)) < 1)


def test_every_member_of_a_class_can_be_drawn() -> None:
    labels = np.zeros(8, dtype=np.int64)
    drawn = np.concatenate([stratified_subset(labels, 2, seed) for seed in range(200)])
    # 200 draws with chance 1/4: mean 50, deviation 6.1; fixed seeds, so this never flickers
    assert np.all(np.abs(np.bincount(drawn, minlength=8) - 50) < 5 * 6.1)


def test_a_seed_means_the_same_subset_for_ever() -> None:
    drawn = stratified_subset(np.arange(100, dtype=np.int64) % 3, 30, 7)
    digest = hashlib.sha256(drawn.astype("<i8").tobytes()).hexdigest()
    assert digest == "644b4a0e3a3ad819a5ca55f1551feaf8caf6473f622f046b007234b185f26617"


def test_subsets_that_cannot_be_drawn_are_refused() -> None:
    labels = np.array([0] * 9 + [1], dtype=np.int64)
    with pytest.raises(ValueError, match=r"data.examples is 11, and there are 10; write all"):
        stratified_subset(labels, 11, 0)
    with pytest.raises(ValueError, match=r"leaves class 1 without an example; draw more"):
        stratified_subset(labels, 2, 0)

"""Settings against what is registered: data sets with their sizes, and networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from models.registry import check_name, names, objective_of
from pipeline.batch_sizes import batch_size_conflicts
from pipeline.datasets import specification
from pipeline.settings_problems import Problem, written
from pipeline.splits import split_sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sized

    from pipeline.conflicts import Keys
    from pipeline.dataset_specification import DatasetSpecification
    from pipeline.settings import Settings

__all__ = ["misfits", "unregistered"]


def misfits(settings: Settings) -> Iterator[Problem]:
    """Settings that don't fit the data set, where its size is known before it is read.

    Args:
        settings: Right by themselves; the name of the data set need not be registered.

    Yields:
        One problem for a source that the data set lacks or cannot use, for each registered network
        that is scored otherwise than the data set is made for, for more examples than it has, for
        each empty split, and for each batch size above the training split.
    """
    data = settings.data
    try:
        known = specification(data.dataset)
    except ValueError:
        return
    yield from _source_misfits(known, data.places)
    yield from _objective_misfits(known, settings.models)
    examples = known.examples if data.examples == "all" else data.examples
    if examples is None:
        return
    if known.examples is not None and examples > known.examples:
        message = f"{known.name} has {known.examples:,} examples; write all, or fewer"
        yield Problem(("data", "examples"), message)
        return
    sizes = split_sizes(examples, data.validation_fraction, data.test_fraction)
    for split in ("train", "validation", "test"):
        if not getattr(sizes, split):
            key = "validation_fraction" if split == "train" else f"{split}_fraction"
            change = "smaller" if split == "train" else "larger"
            message = (
                f"it leaves none of {examples} examples for the {split} split; make it {change}"
            )
            yield Problem(("data", key), message)
    for conflict in batch_size_conflicts(settings, sizes.train):
        yield Problem(*conflict)


def _source_misfits(known: DatasetSpecification, places: tuple[str, ...]) -> Iterator[Problem]:
    keys = ("data", "source")
    if known.origin == "bundled" and places:
        yield Problem(keys, f"{known.name} comes with an installed library; write null")
    if known.origin == "given" and not places:
        yield Problem(
            keys, f"the data set {known.name} has no home; name a directory with one per class"
        )


def _objective_misfits(known: DatasetSpecification, models: tuple[str, ...]) -> Iterator[Problem]:
    for index, model in enumerate(models):
        objective = objective_of(model)
        if objective not in {None, known.objective}:
            fitting = [name for name in names() if objective_of(name) == known.objective]
            yield Problem(
                ("models", index),
                f"it is made for {objective}, and the data set {known.name} for {known.objective}; "
                f"choose {' or '.join(fitting)}, or another data.dataset",
            )


def unregistered(tree: object) -> Iterator[Problem]:
    """Names of data sets and networks that nothing answers to.

    Args:
        tree: The settings as plain dicts, lists and scalars, right or not.

    Yields:
        One problem for each name.
    """
    checks: dict[Keys, Callable[[str], object]] = {("data", "dataset"): specification}
    place, models = written(("models",), tree)
    if place and isinstance(models, list):
        checks |= {("models", index): check_name for index in range(len(cast("Sized", models)))}
    for keys, check in checks.items():
        place, name = written(keys, tree)
        if place == keys and isinstance(name, str):
            try:
                check(name)
            except ValueError as error:
                yield Problem(keys, str(error))

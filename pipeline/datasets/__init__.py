"""The registry of data sets: from a name in params.yaml to what fetches and reads it."""

from __future__ import annotations

import difflib
from typing import Final

from pipeline.dataset_specification import DatasetSpecification, RawData
from pipeline.datasets.cifar import CIFAR10, CIFAR100
from pipeline.datasets.digits import DIGITS
from pipeline.datasets.folder import FOLDER
from pipeline.datasets.mnist import FASHION_MNIST, KMNIST, MNIST
from pipeline.datasets.noisy_quadratic import NOISY_QUADRATIC
from pipeline.datasets.svhn import SVHN

__all__ = ["DatasetSpecification", "RawData", "names", "specification"]

_PUBLISHED: Final = (MNIST, FASHION_MNIST, KMNIST, CIFAR10, CIFAR100, SVHN)
_REGISTERED: Final = {
    known.name: known
    for known in (
        DIGITS,
        FOLDER,
        NOISY_QUADRATIC,
        *(published.specification() for published in _PUBLISHED),
    )
}


def names() -> tuple[str, ...]:
    """Registered names, sorted."""
    return tuple(sorted(_REGISTERED))


def specification(name: str) -> DatasetSpecification:
    """Look up a data set.

    Args:
        name: As in params.yaml.

    Returns:
        What the data set declares, with the functions that fetch and read it.

    Raises:
        ValueError: If no data set has this name; the message suggests one that exists.
    """
    if name in _REGISTERED:
        return _REGISTERED[name]
    close = difflib.get_close_matches(name, _REGISTERED, n=1)
    hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(names())}"
    raise ValueError(f"{name!r} is no registered data set; {hint}")

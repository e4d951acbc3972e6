"""What a data set declares about itself, and the raw examples that reading it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from models.registered import CLASSIFICATION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from models.shape import Task

__all__ = ["DatasetSpecification", "Fetch", "Origin", "RawData"]

Origin = Literal["bundled", "mirrors", "given"]


@dataclass(frozen=True, eq=False)
class RawData:
    """All examples of a data set, before any split.

    Attributes:
        images: Pixels as stored, [N, C, H, W] uint8.
        labels: Class of every image, [N] int64, counted from 0.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4:
            raise ValueError(
                f"images are {self.images.dtype} {self.images.shape}; give uint8 [N, C, H, W]"
            )
        if self.labels.dtype != np.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(
                f"labels are {self.labels.dtype} {self.labels.shape} for {len(self.images)} "
                "images; give one int64 for each image"
            )
        if not self.labels.size or self.labels.min() < 0:
            raise ValueError("labels must be there and count from 0; number the classes 0, 1, ...")


class Fetch(Protocol):
    """Puts verified raw files into a folder, and does nothing where they are already there."""

    def __call__(self, folder: Path, places: Sequence[str] = ()) -> None:
        """Fetch from the first of ``places`` that will do, or from its home if there are none.

        What a person can put right is a ValueError that names file, place and remedy.
        """
        ...


@dataclass(frozen=True)
class DatasetSpecification:
    """A data set of the registry.

    Attributes:
        name: As in params.yaml.
        task: Sizes of its images and number of classes; None where only reading shows them.
        examples: Number of examples N; None where only reading shows it.
        licence: Under which terms it may be used.
        citation: Where it comes from, as a report should cite it.
        origin: Where it comes from: `bundled` with an installed library, so that data.source is
            null; from `mirrors` or data.source; or `given` by data.source alone.
        fetch: Puts verified raw files into a folder, and does nothing where they are already there.
        read: Verifies those files and parses them. A ValueError names file and remedy.
        objective: Name of the objective that its examples are made for.
    """

    name: str
    task: Task | None
    examples: int | None
    licence: str
    citation: str
    origin: Origin
    fetch: Fetch
    read: Callable[[Path], RawData]
    objective: str = CLASSIFICATION

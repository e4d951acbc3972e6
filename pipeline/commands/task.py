"""The task that commands look at networks on: the study's data, or an image size that is given."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from models.shape import Task
    from pipeline.settings import Settings

__all__ = ["given_task", "study_task"]

_IMAGE: Final = re.compile(r"(\d+)[x×](\d+)[x×](\d+)")


def given_task(image: str, classes: int) -> Task:
    """A task from an option.

    Args:
        image: Channels, height and width, as in 1x28x28.
        classes: Number of classes.

    Returns:
        The task.

    Raises:
        ValueError: If the image is not written so, or a number is 0.
    """
    from models.shape import Task

    parts = _IMAGE.fullmatch(image)
    if not parts:
        raise ValueError(
            f"--image is {image!r}; write channels, height and width, as in --image 1x28x28"
        )
    channels, height, width = (int(number) for number in parts.groups())
    return Task(channels, height, width, classes)


def study_task(settings: Settings) -> Task:
    """The task of a study's data set.

    Args:
        settings: Of the study.

    Returns:
        Sizes as declared, or as prepared where only reading shows them.

    Raises:
        ValueError: If they are not known yet.
    """
    from pipeline.datasets import specification
    from pipeline.manifest import read_manifest
    from pipeline.study.places import PREPARED

    dataset = settings.data.dataset
    if (task := specification(dataset).task) is not None:
        return task
    remedy = f"run dvc repro prepare, which reads {dataset}, or give --image"
    if not (PREPARED / "manifest.json").exists():
        raise ValueError(f"image size of {dataset} is not known yet; {remedy}")
    manifest = read_manifest(PREPARED)
    if manifest.dataset != dataset:
        raise ValueError(
            f"{PREPARED} holds {manifest.dataset}, but data.dataset is {dataset}; {remedy}"
        )
    return manifest.task

"""Prepare: raw files → splits, channel statistics and manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.aside import folder_aside
from pipeline.datasets import specification
from pipeline.images import write_prepared
from pipeline.study.guard import say
from pipeline.study.places import PREPARED, RAW

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import DataSettings

__all__ = ["prepare"]


def prepare(data: DataSettings, raw: Path = RAW, prepared: Path = PREPARED) -> None:
    """Split the data set as the settings say, all files or none."""
    examples = specification(data.dataset).read(raw)
    with folder_aside(prepared) as folder:
        manifest = write_prepared(folder, data, examples)
    say(
        f"prepare: {manifest.dataset} is in {prepared}: {manifest.train_examples} training, "
        f"{manifest.validation_examples} validation and {manifest.test_examples} test examples"
    )

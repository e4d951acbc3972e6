"""Where the data of a study are, and getting them there outside DVC."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.datasets import specification
from pipeline.manifest import Manifest, read_manifest
from pipeline.study.download import download
from pipeline.study.places import PREPARED
from pipeline.study.prepare import prepare

if TYPE_CHECKING:
    from pipeline.settings import DataSettings

__all__ = ["ensure_prepared", "prepared_folder"]

_OTHERS: Final = Path("data/studies")  # data of studies whose data settings are not params.yaml's


def prepared_folder(data: DataSettings) -> Path:
    """Where data of these settings are, or would be prepared.

    DVC's own folder where that holds them or nothing yet; else a folder of their own, so that a
    study of other data never replaces what DVC keeps.

    Args:
        data: Which data set, and how it is split.

    Returns:
        A folder that may not exist yet.
    """
    if not PREPARED.exists() or _holds(PREPARED, data):
        return PREPARED
    asked = data.model_dump(mode="json", exclude=None if _given(data) else {"source"})
    text = json.dumps(asked, sort_keys=True)
    return _OTHERS / f"{data.dataset}-{hashlib.sha256(text.encode()).hexdigest()[:8]}" / "prepared"


def ensure_prepared(data: DataSettings) -> Manifest:
    """Download and prepare unless it has been done.

    Args:
        data: Which data set, and how it is split.

    Returns:
        The manifest of the prepared data.
    """
    folder = prepared_folder(data)
    if not folder.exists():
        raw = folder.with_name("raw")
        download(data, raw)
        prepare(data, raw, folder)
    return read_manifest(folder)


def _holds(folder: Path, data: DataSettings) -> bool:
    """Whether a prepared folder was made from these settings; a damaged one is not."""
    try:
        manifest = read_manifest(folder)
    except ValueError:
        return False
    return manifest.made_from(data) and (not _given(data) or manifest.places == data.places)


def _given(data: DataSettings) -> bool:
    """Whether the source is what makes the data what they are, rather than one way to them."""
    return specification(data.dataset).origin == "given"

"""Where the data of a study are, and getting them there outside DVC."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.datasets import specification
from pipeline.manifest import Manifest, read_manifest
from pipeline.study.data_lock import data_lock
from pipeline.study.download import download
from pipeline.study.guard import locked, say
from pipeline.study.places import PREPARED, ledger_folder
from pipeline.study.prepare import prepare
from pipeline.study.source_files import listing, note, noted

if TYPE_CHECKING:
    from pipeline.settings import DataSettings

__all__ = ["dvc_folder", "ensure_prepared", "prepared_folder"]

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


def dvc_folder(data: DataSettings) -> Path:
    """Where data of params.yaml's settings are, or would be prepared: as those of any settings.

    But where they are nowhere yet and DVC's own folder is damaged, it may hold them: it is that
    one, and who reads it says what is wrong.

    Args:
        data: As params.yaml has it.

    Returns:
        A folder that may not exist yet.
    """
    folder = prepared_folder(data)
    return PREPARED if not folder.exists() and _damaged(PREPARED) else folder


def ensure_prepared(data: DataSettings) -> Manifest:
    """Download and prepare unless it has been done, of the images that are there now.

    A user's own images are prepared anew where their names, sizes or times have changed; where
    they are no longer there, what was prepared of them is good. A study that trains meanwhile
    would find other data than it began with, so it is waited for, and a ValueError if it lasts.

    Of two commands that find no data, one prepares them, and the other waits and takes those.

    Args:
        data: Which data set, and how it is split.

    Returns:
        The manifest of the prepared data.

    Raises:
        ValueError: If another command has put other data where these were to be.
    """
    folder = prepared_folder(data)
    if not _up_to_date(folder, data):
        with data_lock():
            if folder != prepared_folder(data):
                raise ValueError(
                    f"data.dataset is {data.dataset}, but another command has prepared other data "
                    f"in {folder} meanwhile; run the same command again, which uses another folder"
                )
            if not folder.exists():
                _fill(folder, data)
            elif not _up_to_date(folder, data):
                say(
                    f"{', '.join(data.places)}: the images may not be those that {folder} was made "
                    "of; preparing them anew"
                )
                with locked(ledger_folder(), study=""):
                    _fill(folder, data)
    return read_manifest(folder)


def _fill(folder: Path, data: DataSettings) -> None:
    listed = listing(data)  # before they are read: what changes meanwhile, the next command finds
    raw = folder.with_name("raw")
    download(data, raw)
    prepare(data, raw, folder)
    if listed:
        note(folder, listed)


def _up_to_date(folder: Path, data: DataSettings) -> bool:
    """Whether a folder is there, and no image that it was prepared of has changed."""
    return folder.exists() and (not (listed := listing(data)) or noted(folder, listed))


def _holds(folder: Path, data: DataSettings) -> bool:
    """Whether a prepared folder was made from these settings; a damaged one is not."""
    try:
        manifest = read_manifest(folder)
    except ValueError:
        return False
    return manifest.made_from(data) and (not _given(data) or manifest.places == data.places)


def _damaged(folder: Path) -> bool:
    try:
        read_manifest(folder)
    except ValueError:
        return folder.exists()
    return False


def _given(data: DataSettings) -> bool:
    """Whether the source is what makes the data what they are, rather than one way to them."""
    return specification(data.dataset).origin == "given"

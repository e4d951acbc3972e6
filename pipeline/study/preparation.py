"""Where the data of a study are, and getting them there outside DVC."""

from __future__ import annotations

import fcntl
import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.datasets import specification
from pipeline.manifest import Manifest, read_manifest
from pipeline.study.download import download
from pipeline.study.guard import locked, say
from pipeline.study.places import PREPARED, ledger_folder
from pipeline.study.prepare import prepare
from pipeline.study.source_files import listing, note, noted

if TYPE_CHECKING:
    from collections.abc import Generator

    from pipeline.settings import DataSettings

__all__ = ["ensure_prepared", "prepared_folder"]

_LOCK: Final = PREPARED.with_name(".prepare.lock")
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
        with _alone():
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


@contextmanager
def _alone() -> Generator[None]:
    """Prepare while no other command does: two would fill, and clear, the same folder.

    Waits for as long as the other one takes, as a download takes minutes. The lock is the
    operating system's, and goes with the process that holds it, however that ends.

    Yields:
        Nothing; the lock is held meanwhile.
    """
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"another command prepares data in {_LOCK.parent}; waiting until it has finished")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


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

"""Whether the images that a user gave are still those that were prepared, without reading them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pipeline.aside import write_aside
from pipeline.datasets import specification
from pipeline.datasets.archives import SUFFIXES
from pipeline.datasets.image_files import class_folders, image_files
from pipeline.datasets.transfer import local_path
from pipeline.manifest import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.settings import DataSettings

__all__ = ["listing", "note", "noted"]


def listing(data: DataSettings) -> str:
    """Digest of names, sizes and times of the files that ``data.source`` gives; none is opened.

    A directory whose classes will not do is a ValueError, as it is when it is prepared.

    Args:
        data: Which data set, and from where.

    Returns:
        In hexadecimal. Empty where nothing is there now, or the data set is no user's own: the
        files of a published one never change.
    """
    if specification(data.dataset).origin != "given" or not (files := _files(data.places)):
        return ""
    digest = hashlib.sha256()
    for name, path in files.items():
        try:
            seen = path.stat()
        except FileNotFoundError:  # a link that leads nowhere, which preparing would refuse
            line = f"{name}\0gone\0"
        else:
            line = f"{name}\0{seen.st_size}\0{seen.st_mtime_ns}\0"
        digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()


def note(folder: Path, listed: str) -> None:
    """Write down of which files a folder was prepared.

    Args:
        folder: The prepared data. The note lies beside it, for DVC keeps what is in it, and times
            of files are no part of the data.
        listed: What `listing` said before they were read.
    """
    write_aside(folder.with_name(f".{folder.name}.source"), _line(folder, listed).encode())


def noted(folder: Path, listed: str) -> bool:
    """Whether a folder, as it is now, is known to have been prepared of these very files.

    Args:
        folder: The prepared data.
        listed: What `listing` says.

    Returns:
        False also where somebody else prepared it, as DVC does.
    """
    try:
        written = folder.with_name(f".{folder.name}.source").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return written == _line(folder, listed)


def _line(folder: Path, listed: str) -> str:
    return f"{listed} {read_manifest(folder).digest}\n"


def _files(places: tuple[str, ...]) -> dict[str, Path]:
    """Files of the first place that is there, by name; an empty directory has none."""
    for place in places:
        path = local_path(place)
        if path.is_dir():  # an empty one may be where a disk is mounted at other times
            return image_files(path) if class_folders(path) else {}
        if path.is_file() and path.name.lower().endswith(SUFFIXES):
            return {path.name: path}
    return {}

"""The data set `folder`: a directory a class, or such a directory packed in an archive."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.aside import folder_aside
from pipeline.dataset_specification import DatasetSpecification, RawData
from pipeline.datasets.archives import SUFFIXES, unpack
from pipeline.datasets.image_files import class_folders, image_files, read_images
from pipeline.datasets.known_file import sha256_of
from pipeline.datasets.raw_manifest import RawManifest, read_raw_manifest, write_raw_manifest
from pipeline.datasets.transfer import is_web, local_path

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

__all__ = ["FOLDER"]

_NAME: Final = "folder"
_RATIO: Final = 100  # an archive of images, which hardly compress, holds at most this many times
_SLACK: Final = 100_000_000  # its own size in bytes, and this many more


def _fetch(folder: Path, places: Sequence[str] = ()) -> None:
    with _directory(places, folder.with_name(f".{folder.name}.unpacked")) as source:
        files = image_files(source)
        listed = {name: sha256_of(path) for name, path in files.items()}
        if _there_already(folder, listed):
            return
        read_images(source)  # a file that is no good is told of before it is copied
        with folder_aside(folder) as aside:
            for name, path in files.items():
                (aside / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, aside / name)
            write_raw_manifest(aside, RawManifest(_NAME, listed, {}))


def _read(folder: Path) -> RawData:
    read_raw_manifest(folder, _NAME)
    return read_images(folder)


def _there_already(folder: Path, listed: dict[str, str]) -> bool:
    try:
        return read_raw_manifest(folder, _NAME).files == listed
    except ValueError:
        return False


@contextmanager
def _directory(places: Sequence[str], unpacked: Path) -> Generator[Path]:
    """The first place that is there, as a directory of classes.

    Args:
        places: Directories and archives.
        unpacked: Where to unpack an archive, until the block ends.

    Yields:
        The directory.

    Raises:
        ValueError: If no place is there.
    """
    reasons: list[str] = []
    for place in places:
        path = local_path(place)
        if path.is_dir():
            yield path
            return
        if path.is_file() and path.name.lower().endswith(SUFFIXES):
            try:
                unpack(path, unpacked, _RATIO * path.stat().st_size + _SLACK)
                yield _below_wrapper(unpacked)
            finally:
                shutil.rmtree(unpacked, ignore_errors=True)
            return
        what = "a web address" if is_web(place) else "neither a directory nor an archive"
        reasons.append(f"  {place}: it is {what}")
    raise ValueError(
        "\n".join([
            "no place gave images:",
            *reasons,
            "set data.source to a directory on this machine that holds one directory of images for "
            f"each class, or to an archive of one ({', '.join(SUFFIXES)})",
        ])
    )


def _below_wrapper(directory: Path) -> Path:
    """The directory of classes inside an archive, which often wraps it in a single other one."""
    entries = [entry for entry in directory.iterdir() if not entry.name.startswith((".", "__"))]
    wrapped = len(entries) == 1 and entries[0].is_dir() and class_folders(entries[0])
    return entries[0] if wrapped else directory


FOLDER: Final = DatasetSpecification(
    name=_NAME,
    task=None,
    examples=None,
    licence="that of your images",
    citation="your images, a directory a class",
    origin="given",
    fetch=_fetch,
    read=_read,
)

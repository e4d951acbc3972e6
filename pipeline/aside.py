"""Files and folders that appear whole or not at all: written aside, synced, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["file_aside", "folder_aside", "naming", "write_aside"]

_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_WRITABLE: Final = 0o222


@contextmanager
def naming(path: Path) -> Generator[None]:
    """Say which file it was where a write fails, which the operating system leaves out.

    Args:
        path: What is written to inside; files that are named already keep their names.

    Yields:
        Nothing.

    Raises:
        OSError: As it was, but with a file name.
    """
    try:
        yield
    except OSError as problem:
        if problem.errno in _OF_WRITING and not isinstance(problem.filename, str | bytes):
            problem.filename = str(path)
        raise


@contextmanager
def file_aside(path: Path, partial: Path) -> Generator[IO[bytes]]:
    """Replace a file by one that is written aside.

    Args:
        path: What to replace or make.
        partial: What to write meanwhile, in the same folder.

    Yields:
        The file to write. It becomes ``path`` when the block ends, and goes when it fails.
    """
    try:
        with naming(path), partial.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # Ctrl-C or a full disk, say: half a file takes room and is of no use
        partial.unlink(missing_ok=True)
        raise


def write_aside(path: Path, content: bytes) -> None:
    """Write a file so that ``path`` never holds part of it; folders above are made.

    Of a link the file that it leads to is replaced, and the link stays; but a link to an object of
    a cache, which DVC makes of its outputs, gives way itself.

    Args:
        path: What to replace or make.
        content: All of it.
    """
    if not _cached(behind := _behind(path)):
        path = behind
    path.parent.mkdir(parents=True, exist_ok=True)
    with file_aside(path, path.with_name(f".{path.name}.partial")) as file:
        file.write(content)


@contextmanager
def folder_aside(folder: Path) -> Generator[Path]:
    """Replace a folder by one that is filled aside.

    Args:
        folder: What to replace or make; folders above are made. Of a link, which may lead to a
            larger disk, what it leads to.

    Yields:
        An empty sibling folder. It becomes ``folder`` when the block ends, and goes when it fails.

    Raises:
        ValueError: If it is where a disk is mounted, which can't be renamed.
    """
    folder = _behind(folder)
    if folder.is_mount():
        raise ValueError(
            f"{folder} is a disk of its own, which can't be replaced as a whole; make a folder on "
            "that disk, and link to it"
        )
    partial = folder.with_name(f".{folder.name}.partial")
    replaced = folder.with_name(f".{folder.name}.replaced")
    for remnant in (partial, replaced):  # of a run that was killed
        _clear(remnant)
    partial.mkdir(parents=True)
    try:
        with naming(folder):
            yield partial
    except BaseException:
        shutil.rmtree(partial)
        raise
    if folder.exists():
        folder.rename(replaced)
    partial.rename(folder)
    shutil.rmtree(replaced, ignore_errors=True)


def _behind(path: Path) -> Path:
    """What a link leads to at last, whether or not it is there; of anything else itself."""
    # Path.resolve can't bear links in a circle before Python 3.13.
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def _cached(path: Path) -> bool:
    """Whether a file belongs to a cache that would be corrupted by writing there.

    DVC links to its cache if asked to, and makes all objects read-only, wherever the cache lies;
    so does git-annex.
    """
    read_only = path.exists() and not path.stat().st_mode & _WRITABLE
    return read_only or "/.dvc/cache/" in path.as_posix()


def _clear(remnant: Path) -> None:
    """Remove a folder; a link, which earlier versions left, without what it leads to."""
    if remnant.is_symlink():
        remnant.unlink()
    else:
        shutil.rmtree(remnant, ignore_errors=True)

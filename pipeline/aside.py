"""Files and folders that appear whole or not at all: written aside, synced, then renamed."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["file_aside", "folder_aside", "naming", "write_aside"]

_OF_WRITING: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


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
    """Write a file so that ``path`` never holds part of it; folders above are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with file_aside(path, path.with_name(f".{path.name}.partial")) as file:
        file.write(content)


@contextmanager
def folder_aside(folder: Path) -> Generator[Path]:
    """Replace a folder by one that is filled aside.

    Args:
        folder: What to replace or make; folders above are made.

    Yields:
        An empty sibling folder. It becomes ``folder`` when the block ends, and goes when it fails.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    replaced = folder.with_name(f".{folder.name}.replaced")
    for remnant in (partial, replaced):  # of a run that was killed
        shutil.rmtree(remnant, ignore_errors=True)
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

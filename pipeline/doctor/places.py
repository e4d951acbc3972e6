"""The folder that a study works in: room, permission to write, locks that lock."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

import psutil

from pipeline.doctor.finding import Finding, error, ok, warning

__all__ = ["disk", "file_system", "locks", "writable"]

LITTLE: Final = 0.2e9  # bytes: below, the default study's ledger, runs and report do not fit
SCANT: Final = 2e9
_NETWORK: Final = ("nfs", "cifs", "smb", "afs", "9p", "fuse", "lustre", "gpfs", "ceph", "glusterfs")
_MEMORY: Final = ("tmpfs", "ramfs")


def disk(folder: Path, free: int | None = None) -> Finding:
    """Whether a study's files fit."""
    free = shutil.disk_usage(_existing(folder)).free if free is None else free
    text = f"{free / 1e9:.1f} GB free at {folder.resolve()}"
    if free < LITTLE:
        return error("disk", text, "make room: a study of a thousand trials writes 0.2 GB")
    if free < SCANT:
        return warning("disk", text, "make room before a large study")
    return ok("disk", text)


def file_system(folder: Path, kind: str | None = None) -> Finding:
    """Where the ledger lies: on a disk of this machine, it survives and its lock locks."""
    kind = _kind(_existing(folder).resolve()) if kind is None else kind
    where = f"{folder} is on {kind}"
    if kind.startswith(_NETWORK):
        return warning(
            "ledger",
            f"{where}, shared with other machines, whose locks and SQLite may not hold",
            "work on a local disk, and run one study at a time from one machine",
        )
    if kind in _MEMORY:
        return warning("ledger", f"{where}, which a reboot empties", "work on a disk")
    return ok("ledger", where)


def writable(folders: tuple[Path, ...]) -> Finding:
    """Whether files can be made in every folder, or in the one that it will be made in."""
    faults: list[str] = []
    for folder in folders:
        try:
            with tempfile.TemporaryFile(dir=_existing(folder)):
                pass
        except OSError as problem:
            faults.append(f"{folder} ({problem.strerror})")
    if faults:
        return error(
            "permissions",
            f"can't write to {', '.join(faults)}",
            "give yourself the right to write there (chown, chmod), or work in a copy",
        )
    return ok("permissions", f"can write to {', '.join(map(str, folders))}")


def locks(folder: Path) -> Finding:
    """Whether a lock that one process holds keeps a second out, on the ledger's file system."""
    try:
        with tempfile.NamedTemporaryFile(dir=_existing(folder), prefix=".lock-") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            second = os.open(file.name, os.O_RDWR)
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return ok("locks", f"file locks work at {folder}")
            finally:
                os.close(second)
    except OSError as problem:
        why = f"file locks fail at {folder} ({problem.strerror})"
        return error("locks", why, "work on a local disk: without locks two studies may collide")
    return error(
        "locks",
        f"two processes can hold the same lock at {folder}",
        "work on a local disk, or never run two studies here at the same time",
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above that exists."""
    folder = folder.absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _kind(folder: Path) -> str:
    """Type of the file system that a folder is on."""
    mounted = [p for p in psutil.disk_partitions(all=True) if folder.is_relative_to(p.mountpoint)]
    best = max(mounted, key=lambda p: len(p.mountpoint), default=None)
    return best.fstype if best else "an unknown file system"

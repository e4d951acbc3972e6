"""Archives unpacked with suspicion: every member is checked before the first byte is written.

Only plain files and folders below the target pass. Modes, owners and times of members are ignored:
what is unpacked belongs to whoever unpacks it and is never executable.
"""

from __future__ import annotations

import gzip
import lzma
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

from pipeline.aside import folder_aside

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

__all__ = ["SUFFIXES", "gunzip", "unpack"]

SUFFIXES: Final = (".zip", ".tar", ".tar.gz", ".tgz")
_CHUNK: Final = 1 << 20  # bytes
_MAX_MEMBERS: Final = 2_000_000
_PLAIN_TAR: Final = frozenset({tarfile.REGTYPE, tarfile.AREGTYPE})
_DAMAGED: Final = (
    EOFError, ValueError, OverflowError, RuntimeError, struct.error, zlib.error, lzma.LZMAError,
    gzip.BadGzipFile, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip


class _RefusedError(ValueError):
    """The archive could be unpacked, and must not be."""


@dataclass(frozen=True)
class _Member:
    name: str
    size: int
    kind: str  # file, folder, or what else it is


def unpack(archive: Path, into: Path, max_bytes: int) -> None:
    """Unpack a .zip, .tar, .tar.gz or .tgz into a folder, which appears whole or not at all.

    An archive that is damaged or too large is a ValueError, and so is one that holds an absolute
    path, one that climbs out, a link, a device, the same path twice, or one path below another
    that is a file. Nothing is written then.

    Args:
        archive: The file; its name tells its format.
        into: Folder to make or replace.
        max_bytes: That all of it may take, unpacked.
    """
    members = _zip_members if archive.name.lower().endswith(".zip") else _tar_members
    with _damage_told(archive):
        _check(archive, (member for member, _ in members(archive, max_bytes)), max_bytes)
        with folder_aside(into) as aside:
            for member, content in members(archive, max_bytes):
                target = aside / member.name
                if member.kind == "folder":
                    target.mkdir(parents=True, exist_ok=True)
                else:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with content() as source:
                        _copy(source, target, member.size)


def gunzip(archive: Path, target: Path, size: int) -> None:
    """Unpack a gzip file that holds exactly ``size`` bytes; a damaged one is a ValueError.

    Args:
        archive: The file.
        target: Where its content goes; folders above are made.
        size: Bytes it holds.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with _damage_told(archive), gzip.open(archive) as source:
        _copy(source, target, size)


def _check(archive: Path, members: Iterator[_Member], max_bytes: int) -> None:
    seen: dict[str, str] = {}
    total = 0
    for member in members:
        total += member.size
        key = str(PurePosixPath(unicodedata.normalize("NFC", member.name).casefold()))
        wrong = _wrong_name(member.name) or (
            f"is {member.kind}" if member.kind not in {"file", "folder"} else None
        )
        if key in seen and not member.kind == seen[key] == "folder":
            wrong = wrong or "is in it twice"
        if total > max_bytes or len(seen) >= _MAX_MEMBERS:
            wrong = wrong or f"makes it larger than {max_bytes:,} bytes, unpacked"
        if wrong:
            raise _refusal(archive, member.name, wrong)
        seen[key] = member.kind
    for key in seen:
        parents = map(str, PurePosixPath(key).parents)
        above = next((parent for parent in parents if seen.get(parent) == "file"), None)
        if above:
            raise _refusal(archive, key, f"is below {above}, which is a file")


def _wrong_name(name: str) -> str | None:
    if name.startswith(("/", "\\")) or name[1:2] == ":":
        return "is an absolute path"
    if "\\" in name or any(unicodedata.category(letter) == "Cc" for letter in name):
        return "has a backslash or a control character in its name"
    if not name or ".." in name.split("/"):
        return "leads out of the folder"
    return None


def _refusal(archive: Path, member: str, wrong: str) -> _RefusedError:
    return _RefusedError(
        f"{archive} was not unpacked: {member[:200]!r} {wrong}; get the archive from a source that "
        "you trust, or unpack it yourself and name the folder"
    )


def _zip_members(
    archive: Path, max_bytes: int
) -> Generator[tuple[_Member, Callable[[], IO[bytes]]]]:
    del max_bytes  # sizes are listed up front, and held to while copying
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            mode = entry.external_attr >> 16
            kind = "folder" if entry.is_dir() else "file"
            if entry.flag_bits & 1:
                kind = "encrypted"
            elif stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
                kind = "a link" if stat.S_ISLNK(mode) else "a device or another special file"
            name = entry.orig_filename  # `filename` has had its NULs and backslashes mended
            member = _Member(name.rstrip("/") if kind == "folder" else name, entry.file_size, kind)
            yield member, lambda entry=entry: opened.open(entry)


def _tar_members(
    archive: Path, max_bytes: int
) -> Generator[tuple[_Member, Callable[[], IO[bytes]]]]:
    compressed = not archive.name.lower().endswith(".tar")
    with (
        gzip.open(archive) if compressed else archive.open("rb") as stream,
        tarfile.open(fileobj=_limited(stream, archive, max_bytes), mode="r|") as opened,
    ):
        for entry in opened:
            yield (
                _Member(entry.name, entry.size, _tar_kind(entry)),
                lambda entry=entry: opened.extractfile(entry) or _impossible(),
            )


def _tar_kind(entry: tarfile.TarInfo) -> str:
    if entry.isdir():
        return "folder"
    if entry.type in _PLAIN_TAR and not entry.issparse():
        return "file"
    return "a link" if entry.issym() or entry.islnk() else "a device or another special file"


def _limited(stream: IO[bytes] | gzip.GzipFile, archive: Path, max_bytes: int) -> Any:
    # Headers and padding come on top of the members, a kilobyte or so each.
    return _Limited(stream, archive, 2 * max_bytes + _CHUNK)


class _Limited:
    """A stream that refuses to give more than some bytes, however they were compressed."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, archive: Path, limit: int) -> None:
        self._stream, self._archive, self._left = stream, archive, limit

    def read(self, size: int) -> bytes:
        # As tarfile asks for them.
        piece = self._stream.read(size)
        self._left -= len(piece)
        if self._left < 0:
            raise _RefusedError(
                f"{self._archive} was not unpacked: it holds far more than it should; get the "
                "archive from a source that you trust"
            )
        return piece


def _copy(source: IO[bytes] | gzip.GzipFile, target: Path, size: int) -> None:
    # Names are checked by now; sizes are only claimed until here.
    with target.open("xb") as file:
        while chunk := source.read(min(_CHUNK, size + 1)):
            size -= len(chunk)
            if size < 0:
                raise tarfile.TarError(f"{target.name} holds more than it says")
            file.write(chunk)
    if size:
        raise tarfile.TarError(f"{target.name} lacks {size:,} bytes")


@contextmanager
def _damage_told(archive: Path) -> Generator[None]:
    try:
        yield
    except _RefusedError:
        raise
    except _DAMAGED as error:
        raise ValueError(f"{archive} is damaged ({error}); get the file again") from None
    except OSError as error:
        raise ValueError(
            f"{archive} cannot be unpacked ({error.strerror}); make room on the disk, or allow "
            "reading and writing there"
        ) from None


def _impossible() -> IO[bytes]:
    raise AssertionError("a plain file has content")

"""A file whose digest is published: what it is, and what is wrong with a copy of it."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KnownFile", "fault", "looks_like_html", "sha256_of"]

_CHUNK: Final = 1 << 20  # bytes
_HTML: Final = (b"<!doctype html", b"<html", b"<head", b"<?xml")


@dataclass(frozen=True)
class KnownFile:
    """One file of a data set, as its mirrors keep it.

    Attributes:
        name: Its name, without a folder.
        size: Bytes it has.
        sha256: Published digest, in hexadecimal.
        content_sha256: Digest of what this gzip file holds; None where it is not known. Another
            compression of the same content is then accepted.
        content_size: Bytes that a gzip file holds; 0 for any other file.
    """

    name: str
    size: int
    sha256: str
    content_sha256: str | None = None
    content_size: int = 0


def fault(path: Path, known: KnownFile) -> str | None:
    """What is wrong with a copy, to be read after its name; None if it is the known file."""
    if not path.is_file():
        return "is missing"
    with path.open("rb") as file:
        if looks_like_html(file.read(512)):
            return "was changed: it is an HTML page, such as a log-in or error page"
    if sha256_of(path) == known.sha256 or _same_content(path, known):
        return None
    size = path.stat().st_size
    if size < known.size and known.content_sha256 is None:
        return f"was changed or cut short: it has {size:,} of {known.size:,} bytes"
    return f"was changed or cut short: its SHA-256 is not the published {known.sha256[:12]}…"


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def looks_like_html(start: bytes) -> bool:
    """Whether a file that begins like this is a page for people."""
    return start.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(_HTML)


def _same_content(path: Path, known: KnownFile) -> bool:
    if known.content_sha256 is None:
        return False
    try:
        with gzip.open(path) as file:
            return _limited_sha256(file, known.content_size) == known.content_sha256
    except (OSError, EOFError, zlib.error):
        return False


def _limited_sha256(file: BinaryIO | gzip.GzipFile, size: int) -> str | None:
    """Digest of what a file holds; None when it holds more than ``size`` bytes."""
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size -= len(chunk)
        if size < 0:
            return None
    return digest.hexdigest()

"""One file from one place, a web address or a local folder, into a partial file."""

from __future__ import annotations

import http.client
import os
import time
import urllib.error
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, Final
from urllib.parse import quote, urlsplit

from pipeline.datasets.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.datasets.known_file import KnownFile

__all__ = ["TransferError", "is_web", "local_path", "transfer"]

_STALL_SECONDS: Final = 30.0  # to connect, and between two bytes
_SLOWEST: Final = 1024  # bytes a second over each such span, or a trickle would hold us for days
_CHUNK: Final = 1 << 18  # bytes
_SLACK: Final = 1 << 20  # bytes more than published that are read, enough for an error page


class TransferError(Exception):
    """Why a place did not give a file, in words that follow its name."""


def is_web(place: str) -> bool:
    """Whether a place is a web address rather than a folder."""
    return urlsplit(place).scheme.lower() in {"http", "https"}


def local_path(place: str) -> Path:
    """A place as a path; `~` is the user's home."""
    try:
        return Path(place).expanduser()
    except RuntimeError:  # nobody has this name
        return Path(place)


def transfer(place: str, inside: str, file: KnownFile, partial: Path) -> None:
    """Write what a place gives under the file's name; whether it is the file, the caller checks.

    Args:
        place: An http or https address under which the file's name is looked up, or a folder.
        inside: Where in a local folder the file may be as well, as torchvision lays it out.
        file: What to get.
        partial: Where to write, synced to the disk.

    Raises:
        TransferError: If the place gives no such file, stalls, stops short or sends far more. A
            disk that cannot be written to is a ValueError.
    """
    if is_web(place):
        source, size = _opened_address(f"{place.rstrip('/')}/{quote(file.name)}")
    else:
        source, size = _opened_folder(local_path(place), inside, file)
    with closing(source), Meter(file.name, size or file.size) as meter:
        came = _write(_chunks(source), partial, file.size + _SLACK, meter)
        if size is not None and came < size:
            raise TransferError(f"it stopped after {came:,} of {size:,} bytes")


def _opened_folder(folder: Path, inside: str, file: KnownFile) -> tuple[IO[bytes], int]:
    if not folder.is_dir():
        raise TransferError("there is no such folder")
    for path in (folder / file.name, folder / inside / file.name):
        if path.is_file():
            try:
                return path.open("rb"), path.stat().st_size
            except OSError as error:
                raise TransferError(f"{path} cannot be read ({error.strerror})") from None
    raise TransferError(f"it holds no {file.name}")


def _opened_address(address: str) -> tuple[http.client.HTTPResponse, int | None]:
    request = urllib.request.Request(address, headers={"User-Agent": "batchscope"})
    opener = urllib.request.build_opener(_WebOnly)
    try:
        response: http.client.HTTPResponse = opener.open(request, timeout=_STALL_SECONDS)
    except urllib.error.HTTPError as error:
        error.close()
        reason = " ".join(str(error.reason).split())
        raise TransferError(f"the server answered {error.code} {reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransferError(_in_words(error)) from None
    length = response.headers.get("Content-Length", "")
    return response, int(length) if length.isdecimal() else None


class _WebOnly(urllib.request.HTTPRedirectHandler):
    """Follows redirects to http and https alone."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not is_web(newurl):
            raise TransferError(f"it redirects to {newurl}, which is no web address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _chunks(source: IO[bytes] | http.client.HTTPResponse) -> Iterator[bytes]:
    """What a place sends, piece by piece.

    Yields:
        Bytes, not empty.

    Raises:
        TransferError: If it breaks off, stalls or trickles.
    """
    read: Callable[[int], bytes] = getattr(source, "read1", source.read)
    since, came = time.monotonic(), 0
    while True:
        try:
            chunk = read(_CHUNK)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransferError(_in_words(error)) from None
        if not chunk:
            return
        yield chunk
        came += len(chunk)
        span = time.monotonic() - since
        if span > _STALL_SECONDS:
            if came < _SLOWEST * span:
                raise TransferError(f"it stalled: {came:,} bytes in {span:.0f} s")
            since, came = time.monotonic(), 0


def _write(chunks: Iterator[bytes], partial: Path, limit: int, meter: Meter) -> int:
    came = 0
    with _writable(partial) as file:
        for chunk in chunks:
            came += len(chunk)
            if came > limit:
                raise TransferError(f"it sends more than {limit:,} bytes, so it is another file")
            _on_disk(partial, lambda chunk=chunk: file.write(chunk))
            meter.add(len(chunk))
        _on_disk(partial, file.flush)
        _on_disk(partial, lambda: os.fsync(file.fileno()))
    return came


def _writable(partial: Path) -> BinaryIO:
    try:
        return partial.open("wb")
    except OSError as error:
        raise _full(partial, error) from None


def _on_disk(partial: Path, action: Callable[[], object]) -> None:
    try:
        action()
    except OSError as error:
        raise _full(partial, error) from None


def _full(partial: Path, error: OSError) -> ValueError:
    return ValueError(
        f"{partial} cannot be written ({error.strerror}); make room or allow writing there, and "
        "run the download stage again"
    )


def _in_words(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"it stalled: nothing came for {_STALL_SECONDS:g} s"
    if isinstance(error, http.client.IncompleteRead):
        return f"it stopped after {len(error.partial):,} bytes of the last piece"
    return str(getattr(reason, "strerror", None) or reason) or type(error).__name__

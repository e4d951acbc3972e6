"""The lock of who downloads or prepares data, by DVC's stages or by a command."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pipeline.file_lock import take
from pipeline.study.guard import say
from pipeline.study.places import PREPARED

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["data_lock"]

_LOCK: Final = PREPARED.with_name(".prepare.lock")


@contextmanager
def data_lock() -> Generator[None]:
    """Download or prepare while nobody else does: two would fill, and clear, the same folder.

    Waits for as long as the other one takes, as a download takes minutes; so who holds it must not
    ask for it again. The lock is the operating system's, and goes with the process that holds it,
    however that ends.

    Yields:
        Nothing; the lock is held meanwhile.
    """
    _LOCK.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("a", encoding="utf-8") as file:
        if not take(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            say(f"another command prepares data in {_LOCK.parent}; waiting until it has finished")
            take(file, fcntl.LOCK_EX)
        yield

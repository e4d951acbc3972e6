"""Locks on files, by the operating system: they go with the process that holds them."""

from __future__ import annotations

import errno
import fcntl
from typing import IO, Final

__all__ = ["LocklessError", "take"]

_LOCKLESS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP})


class LocklessError(ValueError):
    """The file system has no locks; names file and remedy."""


def take(file: IO[str], how: int) -> bool:
    """Lock an open file.

    Args:
        file: Lets go of the lock when it is closed.
        how: As of `fcntl.flock`.

    Returns:
        Whether it is locked; False where another has it and ``how`` says not to wait.

    Raises:
        LocklessError: If no file can be locked there: NFS without lockd, Lustre without flock.
        OSError: If locking fails otherwise.
    """
    try:
        fcntl.flock(file.fileno(), how)
    except BlockingIOError:
        return False
    except OSError as problem:
        if problem.errno not in _LOCKLESS:
            raise
        raise LocklessError(
            f"{file.name} can't be locked ({problem.strerror}); work on a local disk (batchscope "
            "doctor tells)"
        ) from None
    return True

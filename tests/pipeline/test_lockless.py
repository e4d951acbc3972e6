"""A file system without locks: a message rather than a traceback, or a lock that doesn't lock."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from pipeline.study.data_lock import data_lock
from pipeline.study.guard import holder, locked

LOCKLESS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP]  # NFS without lockd, Lustre, others


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


@pytest.mark.parametrize("number", LOCKLESS)
def test_a_file_system_without_locks_is_named_with_its_remedy(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_locks(monkeypatch, number)
    lock = tmp_path / "ledger" / ".lock"
    said = rf"^{lock} can't be locked \({os.strerror(number)}\); work on a local disk .*doctor"
    with pytest.raises(ValueError, match=said), locked(tmp_path / "ledger"):
        pass
    assert lock.exists()
    assert holder(tmp_path / "ledger") is None


@pytest.mark.parametrize("number", LOCKLESS)
def test_so_is_the_one_of_who_prepares_data(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refuse_locks(monkeypatch, number)
    with pytest.raises(ValueError, match=r"\.prepare\.lock can't be locked .*doctor"), data_lock():
        pass


def test_another_error_stays_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), locked(tmp_path):
        pass

"""What is written aside appears whole or not at all."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from pipeline.aside import folder_aside, write_aside

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_and_nothing_is_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "made" / "file"
    for content in (b"old", b"new"):
        write_aside(path, content)
        assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "file"
    write_aside(path, b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as failed:
        write_aside(path, b"new")
    assert failed.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "folder"
    for name in ("old", "new"):
        with folder_aside(folder) as partial:
            (partial / name).touch()
            assert not (folder / name).exists()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert list(folder.parent.iterdir()) == [folder]


def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(KeyboardInterrupt), folder_aside(folder) as partial:
        (partial / "new").touch()
        raise KeyboardInterrupt
    assert [path.name for path in folder.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_named_by_the_folder_that_is_written(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space") as failed, folder_aside(tmp_path / "new"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert failed.value.filename == str(tmp_path / "new")


def test_remnants_of_a_killed_run_go(tmp_path: Path) -> None:
    for remnant in (".folder.partial", ".folder.replaced"):
        (tmp_path / remnant).mkdir()
        (tmp_path / remnant / "half").touch()
    with folder_aside(tmp_path / "folder") as partial:
        assert not list(partial.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]

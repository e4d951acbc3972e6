"""What is written aside appears whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pipeline.aside import folder_aside, write_aside


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


@pytest.mark.parametrize("there", [True, False])
def test_a_linked_folder_is_replaced_where_it_lies(there: bool, tmp_path: Path) -> None:
    """Twice, as a folder left aside by the first would be in the way of the second."""
    disk, link = tmp_path / "disk" / "prepared", tmp_path / "data" / "prepared"
    link.parent.mkdir()
    link.symlink_to(disk)
    if there:
        disk.mkdir(parents=True)
        (disk / "old").touch()
    for name in ("new", "newer"):
        with folder_aside(link) as partial:
            assert partial.parent == disk.parent  # not on the small disk
            (partial / name).touch()
        assert link.is_symlink()
        assert [path.name for path in disk.iterdir()] == [name]
    assert list(link.parent.iterdir()) == [link]
    assert list(disk.parent.iterdir()) == [disk]


def test_a_link_that_was_left_aside_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "file").touch()
    for remnant in (".folder.partial", ".folder.replaced"):
        (tmp_path / remnant).symlink_to(tmp_path / "disk")
    for _ in range(2):
        with folder_aside(tmp_path / "folder"):
            pass
    assert {path.name for path in tmp_path.iterdir()} == {"disk", "folder"}
    assert (tmp_path / "disk" / "file").exists()


def test_where_a_disk_is_mounted_nothing_is_written_in_vain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda _: True)
    with pytest.raises(ValueError, match="a disk of its own"), folder_aside(tmp_path / "disk"):
        raise AssertionError("the work was begun")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", ["elsewhere/params.yaml", "missing/params.yaml"])
def test_the_file_behind_links_is_replaced(target: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "params.yaml").write_bytes(b"old")
    link, chain = tmp_path / "params.yaml", tmp_path / "chain"
    chain.symlink_to(target)
    link.symlink_to("chain")
    write_aside(link, b"new")
    assert link.readlink() == Path("chain")
    assert chain.readlink() == Path(target)
    assert (tmp_path / target).read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} >= {"params.yaml", "chain", "elsewhere"}
    assert list((tmp_path / target).parent.iterdir()) == [tmp_path / target]


@pytest.mark.parametrize(
    ("cache", "mode"), [(".dvc/cache/files/md5", 0o644), ("far/files/md5", 0o444)]
)
def test_an_object_of_dvcs_cache_is_never_written_to(cache: str, mode: int, tmp_path: Path) -> None:
    """DVC links outputs to it if asked to; under its name it must hold what its name says."""
    kept = tmp_path / cache / "ab" / "c0ffee"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"old")
    kept.chmod(mode)
    link = tmp_path / "metrics.json"
    link.symlink_to(kept)
    write_aside(link, b"new")
    assert kept.read_bytes() == b"old"
    assert not link.is_symlink()
    assert link.read_bytes() == b"new"
    assert list(kept.parent.iterdir()) == [kept]


def test_links_in_a_circle_give_way(tmp_path: Path) -> None:
    (tmp_path / "file").symlink_to("file")
    write_aside(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"

"""Hostile archives are refused before a byte is written, good ones give what they hold."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.datasets import specification
from pipeline.datasets.archives import gunzip, unpack

LIMIT = 1_000_000  # bytes
Entry = tuple[str, bytes, bytes, str]  # name, content, type as in tar, where a link leads
GOOD: list[Entry] = [("ant/1.png", b"one", tarfile.REGTYPE, "")]
HOSTILE: dict[str, tuple[list[Entry], str]] = {
    "absolute path": ([("/tmp/evil", b"x", tarfile.REGTYPE, "")], "is an absolute path"),
    "climbs out": ([("ant/../../evil", b"x", tarfile.REGTYPE, "")], "leads out of the folder"),
    "symbolic link": ([("ant/2.png", b"", tarfile.SYMTYPE, "/etc/hostname")], "is a link"),
    "path through a link": (
        [("bee", b"", tarfile.SYMTYPE, ".."), ("bee/evil", b"x", tarfile.REGTYPE, "")],
        "is a link",
    ),
    "hard link": ([("ant/2.png", b"", tarfile.LNKTYPE, "ant/1.png")], "is a link"),
    "device": ([("ant/2.png", b"", tarfile.CHRTYPE, "")], "is a device or another special"),
    "pipe": ([("ant/2.png", b"", tarfile.FIFOTYPE, "")], "is a device or another special"),
    "the same path twice": ([("ant/1.png", b"two", tarfile.REGTYPE, "")], "is in it twice"),
    "the same path in other letters": (
        [("Ant/./1.PNG", b"two", tarfile.REGTYPE, "")],
        "is in it twice",
    ),
    "path below a file": (
        [("ant/1.png/evil", b"x", tarfile.REGTYPE, "")],
        "is below ant/1.png, which is a file",
    ),
    "bomb": ([("ant/2.png", bytes(LIMIT), tarfile.REGTYPE, "")], "makes it larger than"),
    "many small bombs": (
        [(f"ant/{n}", bytes(LIMIT // 10), tarfile.REGTYPE, "") for n in range(12)],
        "makes it larger than",
    ),
    "backslashes": ([("ant\\..\\..\\evil", b"x", tarfile.REGTYPE, "")], "has a backslash"),
    "drive letter": ([("C:/evil", b"x", tarfile.REGTYPE, "")], "is an absolute path"),
    "control character": ([("ant/\x1b[2J", b"x", tarfile.REGTYPE, "")], "control character"),
}
ZIP_MODES = {
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.CHRTYPE: stat.S_IFCHR,
    tarfile.FIFOTYPE: stat.S_IFIFO,
    tarfile.DIRTYPE: stat.S_IFDIR,
}


def write_tar(path: Path, entries: list[Entry]) -> None:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content, kind, link in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.size = kind, link, len(content)
            entry.mode = 0o6777  # set-user-id and all rights
            archive.addfile(entry, io.BytesIO(content))


def write_zip(path: Path, entries: list[Entry]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, kind, link in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (ZIP_MODES[kind] | 0o6777) << 16
            archive.writestr(entry, link.encode() or content, zipfile.ZIP_DEFLATED)


WRITERS: dict[str, Callable[[Path, list[Entry]], None]] = {
    ".tar.gz": write_tar,
    ".tgz": write_tar,
    ".tar": write_tar,
    ".zip": write_zip,
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def tree(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(p), p.lstat().st_mtime_ns) for p in folder.rglob("*") if p.is_file())


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
@pytest.mark.parametrize("trick", list(HOSTILE))
def test_hostile_archives_write_nothing(tmp_path: Path, trick: str, suffix: str) -> None:
    entries, wrong = HOSTILE[trick]
    if suffix == ".zip" and any(kind == tarfile.LNKTYPE for _, _, kind, _ in entries):
        pytest.skip("zip has no hard links")
    archive = tmp_path / f"images{suffix}"
    WRITERS[suffix](archive, GOOD + entries)
    before = tree(tmp_path)
    with pytest.raises(ValueError, match=r"was not unpacked: .*; get the archive") as refused:
        unpack(archive, tmp_path / "home" / "into", LIMIT)
    assert wrong in str(refused.value)
    assert "\x1b" not in str(refused.value)  # nor do names reach the terminal raw
    assert tree(tmp_path) == before
    assert not (tmp_path / "home").exists()
    assert not Path("/tmp/evil").exists()


@pytest.mark.parametrize("suffix", list(WRITERS))
@pytest.mark.parametrize("before", ["", "./"])
def test_good_archives_give_what_they_hold(tmp_path: Path, suffix: str, before: str) -> None:
    folder: Entry = (f"{before}ant", b"", tarfile.DIRTYPE, "")
    if suffix == ".zip":
        folder = (f"{before}ant/", b"", tarfile.DIRTYPE, "")
    entries = [folder, (f"{before}ant/1.png", b"one", tarfile.REGTYPE, "")]
    entries += [(f"{before}bee/deep/é {n}.png", bytes(n), tarfile.REGTYPE, "") for n in range(3)]
    archive = tmp_path / f"images{suffix}"
    WRITERS[suffix](archive, entries)
    unpack(archive, tmp_path / "into", LIMIT)
    found = {
        p.relative_to(tmp_path / "into").as_posix(): p for p in (tmp_path / "into").rglob("*.png")
    }
    assert {name: path.read_bytes() for name, path in found.items()} == {
        name.removeprefix("./"): content for name, content, *_ in entries[1:]
    }
    for path in found.values():
        assert not path.stat().st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_IXUSR | stat.S_IXOTH)
    assert names(tmp_path) == [archive.name, "into"]


@pytest.mark.parametrize("suffix", list(WRITERS))
@pytest.mark.parametrize("share", [0, 0.3, 0.6, 0.9])
def test_truncated_archives_are_damaged(tmp_path: Path, suffix: str, share: float) -> None:
    archive = tmp_path / f"images{suffix}"
    content = os.urandom(50_000)
    entries = [(f"ant/{n}.png", content, tarfile.REGTYPE, "") for n in range(4)]
    WRITERS[suffix](archive, entries)
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(ValueError, match=rf"images{suffix} is damaged \(.*\); get the file again"):
        unpack(archive, tmp_path / "into", LIMIT)
    assert names(tmp_path) == [archive.name]


def test_a_zip_that_lies_about_its_sizes_writes_no_more_than_it_says(tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    write_zip(archive, [("ant/1.png", bytes(LIMIT - 1), tarfile.REGTYPE, "")])
    size = (LIMIT - 1).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(size, (10).to_bytes(4, "little")))
    with pytest.raises(ValueError, match="is damaged"):
        unpack(archive, tmp_path / "into", LIMIT)
    assert names(tmp_path) == [archive.name]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    write_zip(archive, GOOD)
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(ValueError, match="is encrypted"):
        unpack(archive, tmp_path / "into", LIMIT)


def test_a_tar_of_endless_headers_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "images.tar.gz"
    with gzip.open(archive, "wb", 1) as file:
        header = tarfile.TarInfo("ant/x")
        header.type, header.size = tarfile.XHDTYPE, 40 * LIMIT
        file.write(header.tobuf())
        for _ in range(40):
            file.write(bytes(LIMIT))
    with pytest.raises(ValueError, match=r"it holds far more than it should|is damaged"):
        unpack(archive, tmp_path / "into", LIMIT)
    assert names(tmp_path) == [archive.name]


@pytest.mark.parametrize(("says", "wrong"), [(99, "holds more"), (101, "lacks 1 bytes")])
def test_gunzip_wants_the_exact_size(tmp_path: Path, says: int, wrong: str) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(bytes(100)))
    gunzip(tmp_path / "x.gz", tmp_path / "deep" / "x", 100)
    assert (tmp_path / "deep" / "x").read_bytes() == bytes(100)
    with pytest.raises(ValueError, match=rf"x.gz is damaged \(y {wrong}"):
        gunzip(tmp_path / "x.gz", tmp_path / "y", says)


def test_an_archive_that_unpacks_to_far_more_than_images_do_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "images.zip"
    write_zip(archive, [(f"ant/{n}.bmp", bytes(60_000_000), tarfile.REGTYPE, "") for n in range(3)])
    with pytest.raises(
        ValueError, match=r"makes it larger than 1\d\d,\d\d\d,\d\d\d bytes, unpacked"
    ):
        specification("folder").fetch(tmp_path / "data" / "raw", [str(archive)])
    assert names(tmp_path) == [archive.name]


@pytest.mark.parametrize("suffix", [".tar.gz", ".zip"])
def test_a_hostile_archive_as_a_source_leaves_nothing(tmp_path: Path, suffix: str) -> None:
    archive = tmp_path / f"images{suffix}"
    WRITERS[suffix](archive, [("../evil.png", b"x", tarfile.REGTYPE, ""), *GOOD])
    with pytest.raises(ValueError, match="leads out of the folder"):
        specification("folder").fetch(tmp_path / "data" / "raw", [str(archive)])
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [archive]

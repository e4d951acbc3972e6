"""What is known of the published files agrees with torchvision and with Debian's Fashion-MNIST."""

from __future__ import annotations

import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
import torchvision.datasets as theirs

from pipeline.datasets import cifar, mnist, svhn
from pipeline.datasets.known_file import fault
from tests.pipeline.datasets.test_download import DEBIAN

MADE = {"train": 1504176606, "t10k": 1504176627}  # when the published files were compressed
needs_debian = pytest.mark.skipif(
    not DEBIAN.is_dir(), reason="apt-get install dataset-fashion-mnist"
)


def test_file_names_are_torchvisions() -> None:
    for ours, kind in (
        (mnist.MNIST, theirs.MNIST),
        (mnist.FASHION_MNIST, theirs.FashionMNIST),
        (mnist.KMNIST, theirs.KMNIST),
    ):
        assert {file.name for file in ours.files} == {name for name, _ in kind.resources}
        assert kind.mirrors[0].rstrip("/") in ours.mirrors
        assert ours.inside == f"{kind.__name__}/raw"
    for ours, kind in ((cifar.CIFAR10, theirs.CIFAR10), (cifar.CIFAR100, theirs.CIFAR100)):
        assert [file.name for file in ours.files] == [kind.filename]
        assert f"{ours.mirrors[0]}/{kind.filename}" == kind.url
    for file in svhn.SVHN.files:
        address = f"{svhn.SVHN.mirrors[0]}/{file.name}"
        assert address in {split[0] for split in theirs.SVHN.split_list.values()}


def published(name: str) -> bytes:
    """The file as its authors compressed it: Debian's, with name and time back in its header."""
    time = struct.pack("<I", MADE[name.partition("-")[0]])
    start = b"\x1f\x8b\x08\x08" + time + b"\x00\x03" + name.removesuffix(".gz").encode() + b"\0"
    return start + (DEBIAN / name).read_bytes()[10:]


@needs_debian
@pytest.mark.parametrize("file", mnist.FASHION_MNIST.files, ids=lambda file: file.name)
def test_debians_files_are_the_published_ones_but_for_their_headers(
    file: mnist.KnownFile, tmp_path: Path
) -> None:
    content = published(file.name)
    assert len(content) == file.size
    assert hashlib.sha256(content).hexdigest() == file.sha256
    md5 = dict(theirs.FashionMNIST.resources)[file.name]
    assert hashlib.md5(content).hexdigest() == md5
    held = gzip.decompress(content)
    assert len(held) == file.content_size
    assert hashlib.sha256(held).hexdigest() == file.content_sha256
    assert fault(DEBIAN / file.name, file) is None
    (tmp_path / file.name).write_bytes(gzip.compress(held, 1))
    assert fault(tmp_path / file.name, file) is None
    (tmp_path / file.name).write_bytes(gzip.compress(held + b"\0", 1))
    assert "SHA-256 is not the published" in (fault(tmp_path / file.name, file) or "")


@needs_debian
@pytest.mark.slow
def test_either_compression_gives_the_same_data(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    for file in mnist.FASHION_MNIST.files:
        (tmp_path / "published" / file.name).write_bytes(published(file.name))
    raws = []
    for place in (DEBIAN, tmp_path / "published"):
        mnist.FASHION_MNIST.fetch(tmp_path / "raw", [str(place)])
        raws.append(mnist.FASHION_MNIST.read(tmp_path / "raw"))
        (tmp_path / "raw" / "manifest.json").unlink()
    assert np.array_equal(raws[0].images, raws[1].images)
    assert np.array_equal(raws[0].labels, raws[1].labels)
    assert np.bincount(raws[0].labels).tolist() == [7000] * 10

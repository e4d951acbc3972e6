"""Data sets from mirrors that fail in every way mirrors do, small ones and Fashion-MNIST itself."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipeline.datasets import mnist, transfer
from pipeline.datasets.published import PublishedDataset
from tests.pipeline.datasets import server
from tests.pipeline.datasets.miniatures import fashion
from tests.pipeline.datasets.server import Answer, Mirror

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
REAL = pytest.param(
    "real",
    marks=[
        pytest.mark.slow,
        pytest.mark.skipif(not DEBIAN.is_dir(), reason="apt-get install dataset-fashion-mnist"),
    ],
)
VICTIM = "train-images-idx3-ubyte.gz"  # the first that is fetched
PLACES = range(20)


class Case:
    """A data set with a mirror of its own."""

    def __init__(self, dataset: PublishedDataset, served: Mirror, folder: Path) -> None:
        self.dataset, self.served, self.raw = dataset, served, folder / "raw"
        folder.mkdir()

    def spoil(self, answer: Answer) -> None:
        self.served.answers[VICTIM] = answer

    def place(self, index: int) -> int:
        """Twenty places in the victim, from its first byte to its last, past gzip's own header."""
        size = (self.served.folder / VICTIM).stat().st_size
        return 10 + round(index / (len(PLACES) - 1) * (size - 11))

    def refusal(self, *places: str) -> str:
        with pytest.raises(ValueError, match=f"no place gave {VICTIM}:") as refused:
            self.dataset.fetch(self.raw, places or (self.served.address,))
        assert list(self.raw.parent.iterdir()) == []  # nothing half-written, and nothing aside
        message = str(refused.value)
        assert message.count("\n") == 1 + len(places or "1")  # a line for each mirror
        assert self.served.address in message
        assert "set data.source to another mirror" in message
        return message


@pytest.fixture(scope="module", params=["miniature", REAL])
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[PublishedDataset, Path]:
    if request.param == "real":
        return mnist.FASHION_MNIST, DEBIAN
    folder = tmp_path_factory.mktemp("home") / "files"
    return fashion(folder), folder


@pytest.fixture
def case(home: tuple[PublishedDataset, Path], tmp_path: Path) -> Iterator[Case]:
    dataset, folder = home
    with server.mirror(folder) as served:
        yield Case(dataset, served, tmp_path / "data")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "_STALL_SECONDS", 0.4)


def test_a_whole_mirror_gives_the_whole_data_set(case: Case) -> None:
    case.dataset.fetch(case.raw, [case.served.address])
    raw = case.dataset.read(case.raw)
    assert len(raw.labels) == case.dataset.examples
    assert len(case.served.asked) == 4
    assert np.bincount(raw.labels).tolist() == [case.dataset.examples // 10] * 10


@pytest.mark.parametrize("index", PLACES)
def test_truncations(case: Case, index: int) -> None:
    at = case.place(index)
    answer = server.broken_off(at) if index % 2 else server.cut_short(at)
    case.spoil(answer)
    message = case.refusal()
    assert "it stopped after" in message or "cut short" in message


@pytest.mark.parametrize("index", PLACES)
def test_flipped_bits(case: Case, index: int) -> None:
    case.spoil(server.flipped(case.place(index)))
    assert "was changed or cut short: its SHA-256 is not the published" in case.refusal()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (server.status(404), "the server answered 404 Not Found"),
        (server.status(503), "the server answered 503 Service Unavailable"),
        (server.page, "it is an HTML page, such as a log-in or error page"),
        (server.cut_short(0), "was changed or cut short"),
        (server.chunked_unfinished, "stopped after"),
        (server.endless, "it sends more than"),
        (server.redirected("file:///etc/hostname"), "'file:///etc/hostname' is not allowed"),
        (server.redirected("ftp://127.0.0.1/x.gz"), "it redirects to ftp://127.0.0.1/x.gz"),
        (server.redirected(VICTIM), "infinite loop"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_answers(case: Case, answer: Answer, reason: str) -> None:
    case.spoil(answer)
    assert reason in case.refusal()


@pytest.mark.parametrize("way", [server.stalled, server.silent, server.trickled])
@pytest.mark.usefixtures("impatient")
def test_stalls(case: Case, way: server.Callable[[Mirror], Answer]) -> None:
    case.spoil(way(case.served))
    assert "it stalled" in case.refusal()


@pytest.mark.parametrize("answer", [server.without_length, server.chunked])
def test_other_ways_to_send_it_whole(case: Case, answer: Answer) -> None:
    case.spoil(answer)
    case.dataset.fetch(case.raw, [case.served.address])
    assert (case.raw / VICTIM).is_file()


def test_a_redirect_to_another_server_is_followed(
    case: Case, home: tuple[PublishedDataset, Path]
) -> None:
    with server.mirror(home[1]) as other:
        case.spoil(server.redirected(f"{other.address}/{VICTIM}"))
        case.dataset.fetch(case.raw, [case.served.address])
        assert other.asked == [VICTIM]
    assert len(case.dataset.read(case.raw).labels) == case.dataset.examples


def test_mirrors_are_tried_in_turn(
    case: Case, home: tuple[PublishedDataset, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    case.spoil(server.flipped(100))
    case.dataset.fetch(case.raw, ["/nowhere", case.served.address, str(home[1])])
    assert len(case.served.asked) == 4
    said = capfd.readouterr().err
    assert f"{VICTIM} not from /nowhere: there is no such folder" in said
    assert f"{VICTIM} not from {case.served.address}: what it gave was changed" in said
    assert "MB/s" in said


def test_all_mirrors_are_named_when_none_will_do(case: Case, tmp_path: Path) -> None:
    case.spoil(server.status(410))
    (tmp_path / "empty").mkdir()
    message = case.refusal("http://127.0.0.1:9/x", case.served.address, str(tmp_path / "empty"))
    assert "  http://127.0.0.1:9/x: Connection refused" in message
    assert f"  {case.served.address}: the server answered 410 Gone" in message
    assert f"  {tmp_path}/empty: it holds no {VICTIM}" in message


def test_a_server_that_has_no_name(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    place = "http://nowhere.invalid"
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(ValueError, match=f"{place}: Name or service not known"):
        case.dataset.fetch(case.raw, [place])


def test_a_full_disk_is_not_the_mirrors_fault(
    case: Case, home: tuple[PublishedDataset, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        ValueError, match=r"cannot be written \(No space left on device\); make room"
    ):
        case.dataset.fetch(case.raw, [case.served.address, str(home[1])])
    assert case.served.asked == [VICTIM]
    assert list(case.raw.parent.iterdir()) == []


def test_a_failed_download_leaves_what_was_there(case: Case) -> None:
    case.dataset.fetch(case.raw, [case.served.address])
    (case.raw / "stray").write_text("makes it no longer intact")
    before = sorted(path.name for path in case.raw.iterdir())
    case.spoil(server.status(404))
    with pytest.raises(ValueError, match="no place gave"):
        case.dataset.fetch(case.raw, [case.served.address])
    assert sorted(path.name for path in case.raw.iterdir()) == before


def test_a_torchvision_root_will_do_as_a_source(
    case: Case, home: tuple[PublishedDataset, Path], tmp_path: Path
) -> None:
    root = tmp_path / "root" / "FashionMNIST"
    root.mkdir(parents=True)
    (root / "raw").symlink_to(home[1])
    case.dataset.fetch(case.raw, [str(root.parent)])
    assert len(case.dataset.read(case.raw).labels) == case.dataset.examples

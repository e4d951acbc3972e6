"""What keeps files out of MLflow is a TrackingError, and leaves no model pending."""

from __future__ import annotations

import http.server
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from mlflow.models import Model
from torch import nn

from pipeline.tracking import TrackingError
from pipeline.tracking.connection import Connection
from pipeline.tracking.gallery import Gallery
from pipeline.tracking.model_files import save_model, stamped
from pipeline.tracking.runs import NAMESPACE, FoundRun, TrainedModel

TRAINED = TrainedModel("f1", "conv-B64", 40, {"test_error": 0.1}, {NAMESPACE + "fingerprint": "f1"})


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "index.html").write_text("<html>")
    return folder


@pytest.fixture
def proxy() -> Iterator[str]:
    """A server's artifacts, behind something that takes no file."""

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.send_response(413)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object, **__: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever).start()
        address = f"http://me:secret@127.0.0.1:{server.server_port}"
        yield f"{address}/api/2.0/mlflow-artifacts/artifacts/1"
        server.shutdown()


@pytest.fixture(params=["disk", "store", "proxy"])
def refusal(
    request: pytest.FixtureRequest, tmp_path: Path, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str]:
    """Where artifacts are to go, and what is told of it."""
    (tmp_path / "a file").write_text("where a folder is to be")  # refused to root too
    monkeypatch.setitem(sys.modules, "boto3", None)
    return {
        "disk": ((tmp_path / "a file" / "artifacts").as_uri(), "Not a directory: '"),
        "store": ("s3://bucket/artifacts", "boto3"),
        "proxy": (proxy, r"413 Client Error.*http://me:\*\*\*@127"),
    }[request.param]


def connected(uri: str, artifacts: str) -> Connection:
    connection = Connection(uri, "batchscope")
    connection.experiment = connection.client.create_experiment("of the test", artifacts)
    return connection


@pytest.fixture
def refusing(uri: str, refusal: tuple[str, str]) -> tuple[Connection, str]:
    """A connection whose artifacts go nowhere, and what is told of it."""
    artifacts, told = refusal
    return connected(uri, artifacts), told


def run_of(connection: Connection) -> FoundRun:
    tags = {NAMESPACE + "model": "conv"}
    run = connection.client.create_run(connection.experiment, tags=tags)
    return FoundRun(run.info.run_id, "RUNNING", 0, tags)


def statuses(connection: Connection) -> list[str]:
    found = connection.client.search_logged_models([connection.experiment])
    return [str(model.status) for model in found]


def test_a_report_that_is_not_taken_is_told(files: Path, refusing: tuple[Connection, str]) -> None:
    connection, told = refusing
    parent = run_of(connection)
    with pytest.raises(TrackingError, match=f"^the report of conv can't be put .*{told}") as why:
        Gallery(connection).show_report(parent, "note", [files], "digest")
    assert "move" not in str(why.value)  # the database is sound
    tags = connection.client.get_run(parent.identifier).data.tags
    assert not Gallery(connection).shows(FoundRun("", "RUNNING", 0, tags), "digest")


def test_a_model_that_is_not_taken_is_told_and_failed(
    files: Path, refusing: tuple[Connection, str]
) -> None:
    connection, told = refusing
    gallery = Gallery(connection)
    with pytest.raises(TrackingError, match=f"^the network conv-B64 can't be put .*{told}"):
        gallery.log_model(TRAINED, run_of(connection), lambda _: files)
    assert statuses(connection) == ["FAILED"]
    assert gallery.model_of("f1") is None  # so it is tried again


def test_an_interrupt_passes_and_leaves_no_model_pending(
    uri: str, files: Path, tmp_path: Path
) -> None:
    connection = connected(uri, (tmp_path / "artifacts").as_uri())
    gallery, child = Gallery(connection), run_of(connection)

    def interrupt(_: str) -> Path:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gallery.log_model(TRAINED, child, interrupt)
    assert statuses(connection) == ["FAILED"]
    identifier = gallery.log_model(TRAINED, child, lambda _: files)
    assert gallery.model_of("f1") == identifier
    assert sorted(statuses(connection)) == ["FAILED", "READY"]


@pytest.mark.filterwarnings("ignore:.*Any type hint")  # MLflow's, of its own, as it loads
def test_files_name_their_model_once_it_has_an_identifier(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3)).eval()
    example = np.ones((2, 1, 2, 2), np.float32)
    save_model(tmp_path / "model", network, example, 3)
    folder = stamped(tmp_path / "model", "m-1")
    model = Model.load(str(folder))
    assert (model.model_id, model.model_uuid) == ("m-1", "m-1")
    from mlflow import pyfunc

    found = pyfunc.load_model(str(folder)).predict(example)
    np.testing.assert_allclose(found, network(torch.from_numpy(example)).detach(), rtol=1e-6)

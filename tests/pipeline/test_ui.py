from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from pipeline.tracking import TrackingError
from pipeline.ui import open_ui
from tests.pipeline.mirrored import keys, opened, race_result, runs
from tests.slow import slow

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ui") / "mlflow.db"
    opened(f"sqlite:///{path}").write(race_result())
    return f"sqlite:///{path}"


class Ui:
    """The UI in a process of its own, as the command line starts it."""

    def __init__(self, uri: str) -> None:
        hostile = {  # the user's, or an attacker's, environment must not open the server
            "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",
            "MLFLOW_SERVER_ALLOWED_HOSTS": "*",
            "MLFLOW_HOST": "0.0.0.0",
            "MLFLOW_STATIC_PREFIX": "/elsewhere",
        }
        code = f"from pipeline.ui import open_ui; open_ui({uri!r}, None, 'batchscope')"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env={**os.environ, **hostile},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Where the tests run in the background, Ctrl-C is ignored, and so by children.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        assert self.process.stdout
        self.line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/", self.line)
        assert found, self.line
        self.port = int(found[1])
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def get(self, path: str, host: str | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Host": host or f"127.0.0.1:{self.port}"})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response.status, body

    def gone(self) -> bool:
        """Whether all processes that the server consisted of have ended."""
        _, alive = psutil.wait_procs(self.family, timeout=15)
        return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]

    def close(self) -> None:
        for process in self.family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def ui(uri: str) -> Iterator[Ui]:
    server = Ui(uri)
    yield server
    server.close()


def test_serves_this_machine_alone_and_ends_on_ctrl_c(ui: Ui, uri: str) -> None:
    status, page = ui.get("/")
    assert status == 200
    assert b"<title>MLflow</title>" in page
    assert ui.get("/", f"localhost:{ui.port}")[0] == 200
    for host in ("10.evil.example.com", "evil.com", "127.0.0.1", f"evil.com:{ui.port}"):
        assert ui.get("/", host)[0] == 403, host
        assert ui.get("/api/2.0/mlflow/experiments/get?experiment_id=0", host)[0] == 403, host
    addresses = {
        connection.laddr.ip
        for process in ui.family
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}

    found = re.search(r"#/experiments/(\d+)/runs\?workflowType=machine_learning", ui.line)
    assert found
    _, body = ui.get(f"/api/2.0/mlflow/experiments/get?experiment_id={found[1]}")
    assert json.loads(body)["experiment"]["name"] == "batchscope"

    # A mirror that writes to this server rather than to the file, as silent as ever.
    address = f"http://127.0.0.1:{ui.port}"
    code = f"""
from tests.pipeline.mirrored import opened, race_result
writer = opened({address!r})
assert writer.missing(["f1", "f2"]) == {{"f2"}}
writer.write(race_result("f2", evaluations=400))
writer.close("FINISHED")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert len(keys(uri)) == 6
    assert {run.info.status for run in runs(uri)} == {"FINISHED"}
    # MLflow's command and one web server, but no queue of jobs for language models.
    assert len(psutil.Process(ui.process.pid).children(recursive=True)) == 2

    ui.process.send_signal(signal.SIGINT)
    _, errors = ui.process.communicate(timeout=30)
    assert ui.process.returncode == 0
    assert "Traceback" not in errors
    assert ui.gone()


@pytest.mark.parametrize(
    "number",
    [signal.SIGKILL, slow(signal.SIGTERM), slow(signal.SIGHUP)],
)
def test_leaves_no_process_behind(ui: Ui, number: signal.Signals) -> None:
    assert len(ui.family) >= 2
    ui.process.send_signal(number)
    ui.process.wait(timeout=30)
    assert ui.process.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert ui.gone()


def test_a_server_has_its_own_ui() -> None:
    with pytest.raises(TrackingError, match="open that address in a browser"):
        open_ui("http://tracking:5000", None, "batchscope")


def test_nothing_to_show_yet(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="run the sweep first"):
        open_ui(f"sqlite:///{tmp_path}/mlflow.db", None, "batchscope")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match="a folder; name the database"):
        open_ui(f"sqlite:///{tmp_path}", None, "batchscope")


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("notes")
    with pytest.raises(TrackingError, match="not an SQLite database"):  # MLflow tries for 100 s
        open_ui(f"sqlite:///{tmp_path}/notes.db", None, "batchscope")


def test_a_port_that_is_taken(uri: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ValueError, match=f"port is {port}: Address already in use"):
            open_ui(uri, port, "batchscope")

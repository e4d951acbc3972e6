"""The MLflow UI over a study's database, on this machine only."""

from __future__ import annotations

import http.client
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from contextlib import closing, contextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NoReturn

from pipeline.lifeline import die_with
from pipeline.tracking import TrackingError
from pipeline.tracking.address import artifact_folder, redacted, sqlite_file
from pipeline.tracking.environment import QUIET

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType

__all__ = ["open_ui"]

HOST: Final = "127.0.0.1"
START_SECONDS: Final = 120.0  # a cold import of mlflow's server can take half a minute
STOP_SECONDS: Final = 10.0
SQLITE: Final = b"SQLite format 3\0"  # what such a file begins with


def open_ui(uri: str, port: int | None = None, experiment: str | None = None) -> None:
    """Serve the MLflow UI on loopback until Ctrl-C, and print its address once it answers.

    The server accepts only requests to its own address and port: a page from elsewhere that names
    this machine (DNS rebinding) is refused. Its processes end with this call.

    Args:
        uri: A database, from `pipeline.tracking.tracking_uri`.
        port: TCP port; None takes a free one.
        experiment: Name of the MLflow experiment whose runs the address shows; None lists all
            experiments.

    Raises:
        TrackingError: The URI is a server, which has its own UI; the SQLite file is missing; or
            MLflow's server ended by itself.
    """
    _check(uri)
    port = _port(port)
    with suppress(KeyboardInterrupt), _unwinding(), _server(uri, port) as server:
        if _answers(port, server):
            print(f"{redacted(uri)} is at {_address(port, experiment)}", flush=True)
            print("Ctrl-C ends it.", flush=True)
            server.wait()
        raise TrackingError(uri, "MLflow's server gave up, as it says above")


def _check(uri: str) -> None:
    if uri.startswith(("http://", "https://", "databricks")):
        raise TrackingError(uri, "a server, which has its own UI: open that address in a browser")
    file = sqlite_file(uri)
    if file is None:
        return
    if not file.exists():
        raise TrackingError(uri, "there is no such file yet; run the sweep first")
    if file.is_dir():
        raise TrackingError(uri, "a folder; name the database that the sweep filled, a file")
    with file.open("rb") as opened:
        if opened.read(len(SQLITE)) != SQLITE:  # MLflow would try for minutes
            raise TrackingError(uri, "the file is not an SQLite database")


def _port(wanted: int | None) -> int:
    """The wanted port, or a free one.

    Raises:
        ValueError: It is taken, or needs privileges.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted or 0))
        except OSError as error:
            raise ValueError(f"port is {wanted}: {error.strerror}; give another or none") from error
        return probe.getsockname()[1]


@contextmanager
def _server(uri: str, port: int) -> Generator[subprocess.Popen[bytes]]:
    """MLflow's server in a process group of its own, which ends as a whole.

    Yields:
        The process, which may not answer yet.
    """
    options = {
        "--host": HOST,
        "--port": str(port),
        "--allowed-hosts": f"{HOST}:{port},localhost:{port}",  # the default lets 10.evil.com in
        "--workers": "1",
        # Of experiments that are made through this server; ours say themselves where theirs are.
        "--artifacts-destination": str(artifact_folder(uri)),
        "--uvicorn-opts": "--log-level warning",
    }
    arguments = [part for option in options.items() for part in option]
    server = subprocess.Popen(
        [sys.executable, "-m", "pipeline.ui", str(os.getpid()), *arguments],
        env=_environment(uri),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield server
    finally:
        _end(server)


def _environment(uri: str) -> dict[str, str]:
    """This process's, but MLflow's own variables: they could undo the host check."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")
    }
    return {
        **inherited,
        **QUIET,
        "MLFLOW_LOGGING_LEVEL": "WARNING",
        "MLFLOW_BACKEND_STORE_URI": uri,  # not an argument: other users read those, passwords too
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a queue with workers, for language models
        "PYTHONWARNINGS": "ignore",  # of MLflow's own libraries
    }


def _answers(port: int, server: subprocess.Popen[bytes]) -> bool:
    """Whether the server comes up: False once it has ended, or taken far too long."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        with suppress(OSError, http.client.HTTPException):
            return _get(port, "/health")[0] == HTTPStatus.OK
        time.sleep(0.1)
    return False


def _address(port: int, experiment: str | None) -> str:
    """The page of the experiment's runs; MLflow's front page shows tools for language models."""
    page = "experiments"
    if experiment is not None:
        query = urllib.parse.urlencode({"experiment_name": experiment})
        status, body = _get(port, f"/api/2.0/mlflow/experiments/get-by-name?{query}")
        if status == HTTPStatus.OK:
            page += f"/{json.loads(body)['experiment']['experiment_id']}/runs"
    return f"http://{HOST}:{port}/#/{page}?workflowType=machine_learning"


def _get(port: int, path: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(HOST, port, timeout=10)) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()


def _end(server: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        server.wait(STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


@contextmanager
def _unwinding() -> Generator[None]:
    """Make SIGTERM and the terminal's hang-up unwind the stack, as Ctrl-C does."""
    names = [signal.SIGTERM, signal.SIGHUP]
    before = {name: signal.getsignal(name) for name in names}
    for name in names:
        if before[name] is not signal.SIG_IGN:  # nohup
            signal.signal(name, _exit)
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _exit(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def _serve_under(parent: int, arguments: list[str]) -> None:
    """Become MLflow's server, and end with all of its processes when the parent is killed."""
    die_with(parent, last_words=lambda: os.killpg(0, signal.SIGKILL))
    sys.argv = ["mlflow", "server", *arguments]
    runpy.run_module("mlflow", run_name="__main__", alter_sys=True)


if __name__ == "__main__":  # the process that open_ui starts
    _serve_under(int(sys.argv[1]), sys.argv[2:])

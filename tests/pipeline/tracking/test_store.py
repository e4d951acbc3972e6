from __future__ import annotations

import http.server
import os
import socket
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pipeline.tracking import TrackingError
from tests.pipeline.mirrored import mirror, opened, race_result

ROOT = Path(__file__).parents[3]


class TestConnecting:
    def test_is_silent_and_leaves_only_the_database(self, tmp_path: Path) -> None:
        code = """
from pathlib import Path
from tests.pipeline.mirrored import opened, race_result
writer = opened(f"sqlite:///{Path.cwd()}/new folder/mlflow.db")
writer.write(race_result())
writer.close("FINISHED")
"""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert (done.stdout, done.stderr) == ("", "")
        files = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
        assert files == [Path("new folder/mlflow.db")]

    def test_a_first_start_cut_short_leaves_no_half_made_database(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(*_: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("pipeline.tracking.connection.write_aside", interrupt)
            with pytest.raises(KeyboardInterrupt):
                mirror(f"sqlite:///{tmp_path}/mlflow.db").open()
        assert list(tmp_path.iterdir()) == []

    def test_another_programs_database_is_refused_untouched(self, tmp_path: Path) -> None:
        path = tmp_path / "optuna.db"
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
            connection.execute("CREATE TABLE studies (study_id INTEGER)")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(TrackingError, match="another program"):
            mirror(f"sqlite:///{path}").open()
        assert path.read_bytes() == before

    def test_not_a_database(self, tmp_path: Path) -> None:
        path = tmp_path / "notes.db"
        path.write_text("notes, not tables\n" * 100)
        with pytest.raises(TrackingError, match="not a database"):
            mirror(f"sqlite:///{path}").open()

    def test_nobody_listens(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{probe.getsockname()[1]}"
        with pytest.raises(TrackingError, match="refused") as refused:
            mirror(address).open()
        assert str(refused.value).startswith(f"tracking.uri is '{address}': ")

    def test_a_server_that_is_not_mlflow(self) -> None:
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"<html>It works!</html>")

            def log_message(self, *_: object, **__: object) -> None:
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
            threading.Thread(target=server.serve_forever).start()
            with pytest.raises(TrackingError, match=r"tracking\.uri is 'http"):
                mirror(f"http://127.0.0.1:{server.server_port}").open()
            server.shutdown()

    def test_a_database_that_is_gone_is_a_tracking_error(self, uri: str) -> None:
        writer = opened(uri)
        path = Path(uri.removeprefix("sqlite:///"))
        with sqlite3.connect(path) as connection:
            connection.execute("DROP TABLE runs")
        connection.close()
        with pytest.raises(TrackingError, match="no such table"):
            writer.write(race_result())

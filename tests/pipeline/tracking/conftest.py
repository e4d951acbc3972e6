from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.tracking.rows import RowRuns


@pytest.fixture
def uri(ready_database: Path, tmp_path: Path) -> str:
    shutil.copyfile(ready_database, tmp_path / "a folder.db")
    return f"sqlite:///{tmp_path}/a folder.db"


@pytest.fixture(params=["rows", "client"])
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to write runs: rows of the database, and MLflow's client as for a server."""
    if request.param == "client":
        monkeypatch.setattr(RowRuns, "of", lambda *_: None)
    return request.param

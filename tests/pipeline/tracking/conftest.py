from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.pipeline.mirrored import mirror


@pytest.fixture(scope="session")
def ready_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's first start takes 2.5 s, so it is made once and copied."""
    path = tmp_path_factory.mktemp("mlflow") / "ready.db"
    mirror(f"sqlite:///{path}", models=()).open()
    return path


@pytest.fixture
def uri(ready_database: Path, tmp_path: Path) -> str:
    shutil.copyfile(ready_database, tmp_path / "a folder.db")
    return f"sqlite:///{tmp_path}/a folder.db"

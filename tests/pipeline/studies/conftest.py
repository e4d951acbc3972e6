"""What the tests of Optuna's mirror share: a study that searches, and a database of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.settings import Settings
from tests.pipeline.studies.planted_races import searching


@pytest.fixture(scope="module")
def asked(settings: Settings) -> Settings:
    return searching(settings)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/optuna.db"

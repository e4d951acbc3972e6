from __future__ import annotations

from pathlib import Path

import hypothesis
import pytest

from pipeline.datasets import specification
from pipeline.images import write_prepared
from pipeline.settings import Settings
from pipeline.settings_file import load_settings

ROOT = Path(__file__).parents[1]

# How long an example takes depends on the machine, and no test here is about time.
hypothesis.settings.register_profile("brief", deadline=None)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)


def pytest_configure(config: pytest.Config) -> None:
    """`make test-all`, which takes the slow tests too, gives properties more examples."""
    thorough = not config.getoption("markexpr")
    hypothesis.settings.load_profile("thorough" if thorough else "brief")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A whole study takes longest, so it begins first; nobody waits for it at the end."""
    items.sort(key=lambda item: "study" not in item.path.parts)


@pytest.fixture(scope="session")
def settings() -> Settings:
    return load_settings(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    raw, folder = tmp_path_factory.mktemp("raw"), tmp_path_factory.mktemp("prepared")
    digits = specification("digits")
    digits.fetch(raw)
    write_prepared(folder, settings.data, digits.read(raw))
    return folder

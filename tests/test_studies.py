"""The ready studies are right, say what they cost, and differ from the default in values alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from models.registry import names
from pipeline.settings_file import load_settings

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "studies").glob("*.yaml"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
class TestStudy:
    def test_it_loads(self, path: Path) -> None:
        models = re.search(r"^models: \[(.*)\]", path.read_text(), re.MULTILINE)
        assert models is not None
        unknown = set(models[1].split(", ")) - set(names())
        if unknown:
            pytest.skip(f"{', '.join(unknown)} is not registered yet")
        load_settings(path)

    def test_it_says_what_it_asks_what_it_costs_and_how_to_run_it(self, path: Path) -> None:
        header = path.read_text().partition("data:\n")[0]
        assert "?" in header
        assert "Costs " in header
        assert f"make study PARAMS=studies/{path.name}" in header

    def test_every_setting_has_its_meaning_beside_it(self, path: Path) -> None:
        default = (ROOT / "params.yaml").read_text()
        for line in path.read_text().partition("data:\n")[2].splitlines():
            if "#" in line:
                meaning = line.partition(" # ")[2].removesuffix(": 5,000")
                assert meaning in default


def test_the_studies_are_there() -> None:
    assert {path.stem for path in STUDIES} >= {"quick", "fashion_mnist", "cifar10_resnet8"}

"""Every command that a page shows is run in a finished study, and prints what the page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import documented
from tests.documented import PAGES
from tests.study.conftest import Clone
from tests.test_documented_commands import run


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_run_in_order(
    page: Path, uninterrupted: Clone, tmp_path: Path
) -> None:
    commands = [s for s in documented.shown(page) if not (s.unexecuted or s.quick)]
    if not commands:
        return
    study = tmp_path / "study"
    shutil.copytree(uninterrupted.folder, study, symlinks=True)
    # As docs/mlflow.md says of copies: MLflow remembers the folder of artifacts by its full path.
    (study / "mlflow.db").unlink()
    shutil.rmtree(study / "mlartifacts")
    for shown in commands:
        ended = run(shown, study, study)
        assert ended.returncode == shown.status, f"{shown}\n{ended.stdout}"
        assert "Traceback" not in ended.stdout
        if shown.output:
            assert documented.pattern(shown.output).fullmatch(ended.stdout), ended.stdout

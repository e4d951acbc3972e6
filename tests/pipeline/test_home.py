from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import home
from pipeline.study.places import ledger_folder


@pytest.mark.parametrize(("here", "expected"), [
    (".", "."), ("sub", "sub"), (".dvc/tmp/exps/tmpx1", "."), (".dvc/tmp/exps/standalone/a", "."),
    (".dvc/tmp", ".dvc/tmp"),
])  # fmt: skip
def test_temporary_workspaces_of_dvc_share_the_projects_ledger(
    here: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / here).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(tmp_path / here)
    assert home() == (tmp_path / expected).resolve()
    assert ledger_folder() == home() / "ledger"

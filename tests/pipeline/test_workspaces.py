"""`dvc exp run --temp` of a project that is a folder of its repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.home import home


@pytest.mark.parametrize(
    ("dvc", "workspace"), [(".", "tmpx1"), (".", "standalone/tmpx1"), ("sub", "tmpx1")]
)
def test_a_project_in_a_folder_keeps_its_own_ledger(
    dvc: str, workspace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether DVC was set up at the repository's root or, with --subdir, in the project."""
    project = tmp_path / "sub"
    (project / "sub").mkdir(parents=True)  # a package named as the project is
    (project / "dvc.yaml").touch()
    copy = tmp_path / dvc / ".dvc" / "tmp" / "exps" / workspace / "sub"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    assert home() == project.resolve()


def test_a_folder_that_only_a_workspace_has_shares_the_roots_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / ".dvc" / "tmp" / "exps" / "tmpx1" / "new"
    copy.mkdir(parents=True)
    for here in (copy, copy.parents[1]):
        monkeypatch.chdir(here)
        assert home() == tmp_path.resolve()

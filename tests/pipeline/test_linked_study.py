"""A study whose folder is a link to another disk."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.study.catalogue import names, new_entry, remember
from pipeline.study.delete import delete


def test_deleting_it_removes_the_link_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "other"):
        remember(new_entry(name, settings))
    link, disk = Path("results/studies/mine"), tmp_path / "disk"
    shutil.move(link, disk)
    link.symlink_to(disk)
    assert names() == ["mine", "other"]
    assert delete("mine", set(), print) == 0
    assert names() == ["other"]
    assert not link.is_symlink()
    assert (disk / "settings.yaml").exists()

"""A clone of the working tree with a tiny study, run by dvc as a user runs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from tests.tiny import TINY, change

ROOT = Path(__file__).parents[2]


class Clone:
    """A checkout in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.split("\n"):
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        (folder / "dvc.lock").unlink(missing_ok=True)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        self.set(TINY)

    @classmethod
    def at(cls, folder: Path) -> Clone:
        """A checkout that is there already."""
        clone = cls.__new__(cls)
        clone.folder = folder
        return clone

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        ours = ("COV", "PYTEST", "MLFLOW", "OPTUNA")  # a clone tracks to databases of its own
        kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
        return kept | {"PATH": path, "PYTHONPATH": str(self.folder)}

    def set(self, changes: dict[str, str]) -> None:
        change(self.folder / "params.yaml", changes)

    def start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["dvc", "repro"], cwd=self.folder, env=self.environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip

    def repro(self) -> str:
        process = self.start()
        said, _ = process.communicate(timeout=500)
        assert process.returncode == 0, said
        return said

    def batchscope(self, *arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "pipeline.cli", *arguments], cwd=self.folder,
            env=self.environment, text=True, capture_output=True, check=True,
        ).stdout  # fmt: skip

    def trained(self) -> int:
        """Trials in the ledger, that is, ever trained."""
        races = (self.folder / "ledger").glob("*.parquet")
        files = [file for file in races if ".probes-" not in file.name]
        return sum(pd.read_parquet(f, columns=["member"])["member"].nunique() for f in files)

    def table(self, name: str = "sweep/trials") -> bytes:
        return (self.folder / "results" / f"{name}.parquet").read_bytes()

    def trials(self, phase: str = "sweep") -> pd.DataFrame:
        return pd.read_parquet(self.folder / "results" / phase / "trials.parquet")


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "clone")


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A finished study that other tests compare with and must not change."""
    clone = Clone(tmp_path_factory.mktemp("uninterrupted") / "clone")
    clone.repro()
    return clone


@pytest.fixture
def copy(uninterrupted: Clone, tmp_path: Path) -> Clone:
    """A finished study that a test may change."""
    folder = tmp_path / "copy"
    shutil.copytree(uninterrupted.folder, folder, ignore=shutil.ignore_patterns(".dvc"))
    return Clone.at(folder)

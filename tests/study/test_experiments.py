"""DVC's experiments, metrics, plots and remotes on a tiny study, as a user types them."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest

from tests.study.conftest import Clone

pytestmark = pytest.mark.slow


def sh(clone: Clone, *command: str) -> str:
    done = subprocess.run(
        command, cwd=clone.folder, env=clone.environment, text=True, capture_output=True,
        check=False, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commit(clone: Clone, message: str) -> None:
    sh(clone, "git", "add", "--all")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    sh(clone, "git", *identity, "commit", "--quiet", "--message", message)


def test_experiments_metrics_and_plots(clone: Clone) -> None:
    commit(clone, "study")
    clone.repro()
    commit(clone, "results")
    whole = clone.trained()

    sh(clone, "dvc", "exp", "run", "--name", "fewer", "-S", "sweep.batch_sizes=[16,64]")
    assert clone.trials()["batch_size"].unique().tolist() == [16, 64]
    # The middle one of two is the one it was before, and so are all of the races.
    assert clone.trained() == whole
    rows = json.loads(sh(clone, "dvc", "exp", "show", "--json"))
    assert "fewer" in json.dumps(rows)
    assert "results/metrics.json" in sh(clone, "dvc", "metrics", "show")
    assert "16" in sh(clone, "dvc", "params", "diff")
    sh(clone, "dvc", "metrics", "diff", "HEAD", "--all")
    drawn = json.loads(sh(clone, "dvc", "plots", "diff", "HEAD", "--json", "--out", "drawn"))
    assert {"steps_to_goal", "tuned_learning_rate", "plain_picture"} <= set(drawn["data"])
    assert not drawn.get("errors")

    sh(clone, "git", "checkout", "--quiet", ".")
    sh(clone, "dvc", "checkout", "--quiet")
    sh(clone, "dvc", "exp", "run", "--queue", "--name", "hot", "-S", "training.momentum=0.5")
    before = clone.trained()
    sh(clone, "dvc", "queue", "start")
    deadline = time.monotonic() + 400
    while "Success" not in (status := sh(clone, "dvc", "queue", "status")):
        assert "Failed" not in status, sh(clone, "dvc", "queue", "logs", "hot")
        assert time.monotonic() < deadline, status
        time.sleep(2)
    assert clone.trained() > before  # in the project's ledger, not in a folder that is gone
    assert not list(Path(clone.folder, ".dvc", "tmp", "exps").glob("*/ledger"))
    assert clone.trials()["momentum"].unique().tolist() == [0.0]

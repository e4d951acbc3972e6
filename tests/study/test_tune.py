"""kill -9 and Ctrl-C of a real `batchscope tune`: the same command loses no finished trial."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import optuna
import pytest

from tests.pipeline.mirrored import runs
from tests.study.conftest import Clone
from tests.study.test_kills import family, wait_for

TRIALS = 10
COMMAND = [
    sys.executable, "-m", "pipeline.cli", "tune", "--model", "mlp", "--objective", "examples",
    "--workers", "2", "--trials", str(TRIALS), "--json",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0, 3])
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_tune_goes_on(blow: signal.Signals, moment: int, clone: Clone) -> None:
    clone.set({"sweep.budget.min_steps": "400", "sweep.goals.levels": "[0.05]"})
    for stage in ("download", "prepare"):
        subprocess.run([sys.executable, "-m", f"pipeline.stages.{stage}"], cwd=clone.folder,
                       env=clone.environment, check=True)  # fmt: skip
    ledger = clone.folder / "ledger"
    driver = subprocess.Popen(COMMAND, cwd=clone.folder, env=clone.environment,
                              stderr=subprocess.PIPE, text=True)  # fmt: skip
    wait_for((clone.folder / "optuna.db").exists, "no study")
    wait_for(lambda: len(list(ledger.glob("*.parquet"))) >= moment, "the ledger did not grow")
    time.sleep(0.2 if moment else 3.0)
    os.kill(driver.pid, blow)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == (130 if blow is signal.SIGINT else -signal.SIGKILL)
    assert ("same command goes on" in said) == (blow is signal.SIGINT)
    wait_for(lambda: not family(clone), "workers outlived their driver")
    before = {file.name: file.stat().st_mtime_ns for file in ledger.glob("*.parquet")}
    assert moment <= len(before) < TRIALS

    again = subprocess.run(COMMAND, cwd=clone.folder, env=clone.environment, check=True,
                           capture_output=True, text=True)  # fmt: skip
    document = json.loads(again.stdout)
    assert document["trials"] == {"complete": TRIALS}
    after = {file.name: file.stat().st_mtime_ns for file in ledger.glob("*.parquet")}
    assert before.items() <= after.items()  # nothing finished was trained again
    assert len(after) == TRIALS
    storage = f"sqlite:///{clone.folder / 'optuna.db'}"
    study = optuna.load_study(study_name=document["study"], storage=storage)
    states = [trial.state.name for trial in study.trials]
    assert states.count("COMPLETE") == TRIALS
    assert "RUNNING" not in states
    shown = runs(f"sqlite:///{clone.folder / 'mlflow.db'}")
    assert {run.data.tags["batchscope.fingerprint"] for run in shown} == {
        name.partition(".")[0] for name in after
    }
    assert {run.data.tags["batchscope.phase"] for run in shown} == {"tune"}

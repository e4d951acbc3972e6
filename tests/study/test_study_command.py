"""Studies from the command line share all with DVC's, and tell the truth about themselves."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from typing import Any

import pandas as pd
import pytest

from tests.study.conftest import Clone

pytestmark = pytest.mark.slow
OPTIONS = ("--model", "conv", "--batch-sizes", "16,64")


def batchscope(clone: Clone, *arguments: str, status: int = 0) -> str:
    done = subprocess.run(
        ["batchscope", *arguments], cwd=clone.folder, env=clone.environment, text=True,
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def shown(clone: Clone) -> dict[str, dict[str, Any]]:
    return {
        each["study"]: each for each in json.loads(batchscope(clone, "study", "list", "--json"))
    }


def test_a_stopped_study_goes_on_and_dvc_reuses_it(clone: Clone) -> None:
    assert shown(clone)["dvc"]["state"] == "not prepared"
    clone.set({"sweep.budget.epochs": "20"})  # long enough to be caught
    process = subprocess.Popen(
        ["batchscope", "study", "run", *OPTIONS, "--workers", "1"], cwd=clone.folder,
        env=clone.environment, text=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not clone.trained():
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.1)
    name = next(name for name in shown(clone) if name != "dvc")
    assert shown(clone)[name]["state"] == "running"
    assert shown(clone)[name]["process"] == process.pid
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    kept = clone.trained()
    stopped = shown(clone)[name]
    assert stopped["state"] == "interrupted"
    assert stopped["sweep"]["done"] + stopped["confirm"]["done"] == kept

    plan = json.loads(batchscope(clone, "study", "plan", name, "--json"))
    batchscope(clone, "study", "run", *OPTIONS, "--workers", "1")
    finished = shown(clone)[name]
    assert finished["state"] == "finished"
    assert finished["sweep"]["done"] == finished["sweep"]["planned"] == 2 * 2 * 4
    assert clone.trained() == finished["sweep"]["done"] + finished["confirm"]["done"]
    assert clone.trained() - kept <= plan["most"]["trials"]
    assert sum(finished["sweep"]["ended"].values()) == finished["sweep"]["done"]
    assert (clone.folder / finished["report"]).exists()
    assert {row["batch_size"] for row in finished["tuned"]} == {16, 64}

    before = clone.trained()
    clone.repro()
    after = shown(clone)
    assert after["dvc"]["state"] == after[name]["state"] == "finished"
    # mlp, and conv at 256; conv at 16 and 64 is there. Its confirmation as well where tuned alike.
    sweep = 2 * 3 * 2 * 4
    assert after["dvc"]["sweep"]["done"] == sweep
    swept = clone.trials()
    shared = swept[(swept["model"] == "conv") & (swept["batch_size"] < 256)]
    confirmed = set(clone.trials("confirm")["fingerprint"])
    mine = pd.read_parquet(clone.folder / "results" / "studies" / name / "confirm/trials.parquet")
    reused = len(shared) + len(confirmed & set(mine["fingerprint"]))
    assert clone.trained() - before == sweep + len(confirmed) - reused

    exported = batchscope(clone, "study", "export", name, "--output", "out").split()
    assert len(pd.read_csv(clone.folder / exported[exported.index("out/sweep_trials.csv")])) == 16
    assert "already" in batchscope(clone, "study", "export", name, "--output", "out", status=2)
    (clone.folder / "away").symlink_to("nowhere")
    assert "already" in batchscope(clone, "study", "export", name, "--output", "away", status=2)
    assert "DVC's" in batchscope(clone, "study", "delete", "dvc", "--yes", status=2)
    batchscope(clone, "study", "delete", name, "--trials", "--yes")
    assert set(shown(clone)) == {"dvc"}
    assert shown(clone)["dvc"]["state"] == "finished"


def test_bad_options_end_in_status_2_and_write_nothing(clone: Clone) -> None:
    for arguments, expected in (
        (["--batch-sizes", "8,oops"], "--batch-sizes: sweep.batch_sizes[1] is oops"),
        (["--learning-rates", "3"], "--learning-rates is '3': write LOW..HIGH"),
        (["--learning-rates", "3..1"], "an empty box"),
        (["--set", "sweep.rase=1"], "did you mean race?"),
        (["--set", "sweep"], "write key=value"),
        (["--model", "convv"], "did you mean conv?"),
        (["--name", "../x"], "letters, digits"),
        (["--name", "dvc"], "under DVC"),
        (["--params", "nowhere.yaml"], "no such file"),
        (["--goal", "1.5"], "share of examples"),
    ):
        said = batchscope(clone, "study", "run", *arguments, status=2)
        assert expected in said, said
        assert "Traceback" not in said
    assert "is no study" in batchscope(clone, "study", "show", "nothing", status=2)
    assert not (clone.folder / "results").exists()
    assert not (clone.folder / "ledger").exists()

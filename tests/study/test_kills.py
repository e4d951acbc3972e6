"""kill -9 of a worker, its server, the stage, dvc: the next dvc repro goes on from there."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from tests.study.conftest import Clone

SECONDS = 400
SERVER = "multiprocessing.forkserver"  # of which workers, forked from it, keep the command line
VICTIMS = {
    "worker": [SERVER],
    "server": [SERVER],
    "stage": ["-m", "pipeline.stages.sweep"],
    "dvc": ["dvc", "repro"],
}


def family(clone: Clone) -> list[psutil.Process]:
    """Living processes that work in the clone."""
    found = []
    for process in psutil.process_iter(["cwd", "status"]):
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if alive and process.info["cwd"] == str(clone.folder):
            found.append(process)
    return found


def wait_for(condition: object, what: str) -> None:
    assert callable(condition)
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def victim_of(clone: Clone, kind: str) -> psutil.Process | None:
    for process in family(clone):
        try:
            line = " ".join(process.cmdline())
            parent = process.parent()
            forked = parent is not None and SERVER in " ".join(parent.cmdline())
        except psutil.NoSuchProcess:
            continue
        named = all(word in line for word in VICTIMS[kind]) and "sh -c" not in line
        if named and forked == (kind == "worker"):
            return process
    return None


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux", reason="workers are forked from a server on Linux only"
)
@pytest.mark.parametrize("moment", [0, 1, 4])
@pytest.mark.parametrize("kind", list(VICTIMS))
def test_a_killed_study_finishes_at_the_next_command(
    kind: str, moment: int, clone: Clone, uninterrupted: Clone
) -> None:
    dvc = clone.start()
    ledger = clone.folder / "ledger"
    wait_for(lambda: victim_of(clone, kind), f"no {kind} to kill")
    wait_for(
        lambda: len(list(ledger.glob("*.parquet"))) >= moment if ledger.exists() else not moment,
        "the ledger did not grow",
    )
    if moment == 0 and kind != "dvc":
        time.sleep(1)  # in the middle of imports, or of the first cohort
    victim = victim_of(clone, kind)
    assert victim is not None, f"the sweep ended before its {kind} could be killed"
    os.kill(victim.pid, signal.SIGKILL)
    dvc.communicate(timeout=SECONDS)
    assert (dvc.returncode == 0) == (kind in {"worker", "server"})
    wait_for(lambda: not family(clone), f"orphans of the {kind}")
    before = clone.trained()
    clone.repro()
    assert not family(clone)
    assert clone.trained() >= before
    for name in ("sweep/trials", "sweep/curves", "confirm/trials", "confirm/curves"):
        assert clone.table(name) == uninterrupted.table(name), name


@pytest.mark.slow
def test_ctrl_c_leaves_a_clean_ledger(clone: Clone, uninterrupted: Clone) -> None:
    dvc = clone.start()
    ledger = clone.folder / "ledger"
    wait_for(lambda: any(ledger.glob("*.parquet")), "nothing was trained")
    os.killpg(dvc.pid, signal.SIGINT)  # as a terminal sends it, to the whole group
    said, _ = dvc.communicate(timeout=SECONDS)
    assert dvc.returncode != 0
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    wait_for(lambda: not family(clone), "orphans of Ctrl-C")
    assert not list(ledger.glob(".*.tmp"))
    clone.repro()
    assert clone.table() == uninterrupted.table()

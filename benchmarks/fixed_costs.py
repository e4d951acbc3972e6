"""What commands and stages take besides training.

Run it with python -m benchmarks.fixed_costs. It runs a study of seconds in a copy of the working
tree, times each command a few times there, and writes benchmarks/fixed_costs.json with its
conditions. Wall time is what a person waits; CPU time, of the command and all its children, is what
a busy machine hardly changes. A first run, which warms the disk's cache, does not count.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from benchmarks.kernels import conditions

ROOT = Path(__file__).parents[1]
ROUNDS = 5
POLL = 0.02  # seconds between looks for a first result
# Every cell and rule of the default study, and one step a trial.
ONE_STEP = ("sweep.budget.epochs=0.0001", "sweep.budget.min_steps=1")


@dataclass(frozen=True)
class Cost:
    """Of one command, in seconds: medians of the rounds, and their least and most wall time."""

    command: str
    target: float
    wall: float
    least: float
    most: float
    cpu: float


@dataclass(frozen=True)
class Copy:
    """A copy of the working tree in a folder of its own, with a repository for DVC.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @classmethod
    def made_in(cls, folder: Path) -> Copy:
        """Copy what git knows, and would."""
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        )  # fmt: skip
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, folder / name)
        (folder / "dvc.lock").unlink(missing_ok=True)
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
        return cls(folder)

    def started(self, *command: str) -> subprocess.Popen[bytes]:
        """A command in the copy, which runs the copy's code."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(self.folder)}
        return subprocess.Popen(
            command, cwd=self.folder, env=environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, *command: str) -> None:
        """Run a command to its end.

        Raises:
            RuntimeError: If it fails.
        """
        process = self.started(*command)
        if process.wait():
            raise RuntimeError(f"{' '.join(command)} ended with status {process.returncode}")


def main() -> None:
    """Measure every command and say where the figures went."""
    with tempfile.TemporaryDirectory() as name:
        copy = Copy.made_in(Path(name))
        default = (copy.folder / "params.yaml").read_bytes()
        copy.run(sys.executable, "tests/tiny.py", "params.yaml")
        copy.run("dvc", "repro")
        found = [
            _measured("batchscope --help", 0.5, lambda: copy.run("batchscope", "--help")),
            _measured("dvc repro, nothing to do", 5.0, lambda: copy.run("dvc", "repro")),
            *(
                _measured(
                    f"stage {stage}, nothing to train", 4.0,
                    lambda stage=stage: copy.run(sys.executable, "-m", f"pipeline.stages.{stage}"),
                )
                for stage in ("sweep", "confirm")
            ),
        ]  # fmt: skip
        (copy.folder / "params.yaml").write_bytes(default)
        copy.run(sys.executable, "-c", _CHANGE, *ONE_STEP)
        found.append(_measured("stage sweep, to its first result", 10.0, lambda: _first(copy)))
    path = Path(__file__).with_suffix(".json")
    stored = {
        "conditions": conditions() | {"rounds": ROUNDS, "cores": os.cpu_count() or 0},
        "costs": [asdict(cost) for cost in found],
    }
    del stored["conditions"]["seconds_each"]
    path.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"written to {path}")


_CHANGE = """
import sys
from pathlib import Path
from tests.tiny import change
change(Path("params.yaml"), dict(pair.split("=", 1) for pair in sys.argv[1:]))
"""


def _first(copy: Copy) -> float:
    """Run the sweep up to the first race in an empty ledger: that is one step, evaluated twice.

    Returns:
        CPU seconds of its workers, which the system does not count as children's.

    Raises:
        RuntimeError: If it fails.
    """
    shutil.rmtree(copy.folder / "ledger")
    process = copy.started(sys.executable, "-m", "pipeline.stages.sweep")
    while process.poll() is None and not any((copy.folder / "ledger").glob("*.parquet")):
        time.sleep(POLL)
    if process.poll():
        raise RuntimeError(f"the sweep ended with status {process.returncode}")
    children = psutil.Process(process.pid).children(recursive=True)
    spent = sum(sum(child.cpu_times()[:2]) for child in children)
    process.kill()  # its workers die with it
    process.wait()
    return spent


def _measured(command: str, target: float, run: Callable[[], float | None]) -> Cost:
    run()
    walls: list[float] = []
    cpus: list[float] = []
    for _ in range(ROUNDS):
        began, spent = time.perf_counter(), _children()
        more = run() or 0.0
        walls.append(time.perf_counter() - began)
        cpus.append(_children() - spent + more)
    cost = Cost(command, target, statistics.median(walls), min(walls), max(walls),
                statistics.median(cpus))  # fmt: skip
    print(
        f"{command:34} {cost.wall:6.2f} s ({cost.least:.2f} to {cost.most:.2f}), "
        f"{cost.cpu:6.2f} s of CPU; target {target:g} s",
        flush=True,
    )
    return cost


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()

"""How many trials an hour: batchscope beside what libraries teach and what one writes by hand.

Run it with python -m benchmarks.side_by_side on an idle machine; it takes half an hour. In every
round each contestant trains every cell of the default study in a process of its own, in turn:
idiomatic (one process, and two at once), plain (two at once) and batchscope (two workers, with
ledger, MLflow and Optuna). Trials are shortened to the steps of `STEPS`; a whole trial costs its
fixed part, measured on one step, and its steps in proportion. batchscope evaluates more often, and
closer at the start, which counts as it comes: shortened trials favour the others. Prints tables,
and writes benchmarks/side_by_side.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from benchmarks.rivals.jobs import Job, told
from pipeline.images import read_manifest
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.study.places import PARAMS

STEPS: Final = {1: 1000, 4: 1000, 16: 600, 64: 300, 256: 100}
_FULL: Final = 100  # steps at the whole training split

Seconds = dict[str, float]
"""Of a whole trial, by the name of its cell."""


Round = dict[str, Seconds]
"""By contestant; two at once share the machine, so that each one's time counts half."""


def main() -> None:
    """Take the rounds, and print medians with their range."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", help="a part of the default study's")
    asked = parser.parse_args()
    settings = load_settings(PARAMS)
    with tempfile.TemporaryDirectory(prefix="side-by-side-") as name:
        prepared = prepared_in(Path(name), settings.data)
        jobs, whole = _jobs(settings, prepared, asked.models or settings.models)
        rounds: list[Round] = []
        for number in range(asked.rounds):
            with tempfile.TemporaryDirectory(prefix="round-", dir=name) as folder:
                rounds.append(_round(jobs, whole, prepared, Path(folder)))
            print(f"round {number + 1} of {asked.rounds} done", flush=True)
    trials = settings.sweep.replicates * settings.sweep.learning_rates.points
    table = _table(rounds, jobs, trials)
    _tell(table)
    content = {
        "conditions": _conditions(asked.rounds),
        "rounds": rounds,
        "table": table,
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def _jobs(
    settings: Settings, prepared: Path, models: list[str]
) -> tuple[list[Job], dict[str, int]]:
    """Shortened trials of every cell, by batch size, and the steps of whole ones by cell."""
    examples = read_manifest(prepared).train_examples
    sizes = [*STEPS, examples]
    jobs = [Job(model, size, STEPS.get(size, _FULL)) for size in sizes for model in models]
    budget = settings.sweep.budget
    return jobs, {_cell(job): budget.max_steps(job.batch_size, examples) for job in jobs}


def _cell(job: Job) -> str:
    return f"{job.model} {job.batch_size}"


def _round(jobs: list[Job], whole: dict[str, int], prepared: Path, folder: Path) -> Round:
    return {
        "idiomatic": _rival("idiomatic", 1, jobs, whole, prepared, folder),
        "idiomatic, two at once": _rival("idiomatic", 2, jobs, whole, prepared, folder),
        "plain, two at once": _rival("plain", 2, jobs, whole, prepared, folder),
        "batchscope": _ours(jobs, whole, prepared, folder),
    }


def _rival(
    name: str, processes: int, jobs: list[Job], whole: dict[str, int], prepared: Path, folder: Path
) -> Seconds:
    """Seconds of whole trials: of one step, and the rest in proportion to its steps."""
    both = [job for pair in zip(_ones(jobs), jobs, strict=True) for job in pair]
    running = [
        _started(f"benchmarks.rivals.{name}", both, prepared, folder / f"{name}-{processes}-{i}")
        for i in range(processes)
    ]
    answers: list[list[float]] = [json.loads(_answer(process)) for process in running]
    seconds: Seconds = {}
    for i, job in enumerate(jobs):
        fixed, short = (
            statistics.mean(own[2 * i + k] for own in answers) / processes for k in range(2)
        )
        seconds[_cell(job)] = _whole(job, fixed, short, whole)
    return seconds


def _ours(jobs: list[Job], whole: dict[str, int], prepared: Path, folder: Path) -> Seconds:
    """A batch size's seconds, shared out to its cells in equal parts: only their sum is known."""
    process = _started("benchmarks.rivals.ours", [*_ones(jobs), *jobs], prepared, folder / "ours")
    taken: dict[str, float] = json.loads(_answer(process).splitlines()[-1])
    sweep = load_settings(PARAMS).sweep
    trials = sweep.replicates * sweep.learning_rates.points
    models = len({job.model for job in jobs})
    seconds: Seconds = {}
    for job in jobs:
        fixed, short = (
            taken[f"{job.batch_size} {steps}"] / models / trials for steps in (1, job.steps)
        )
        seconds[_cell(job)] = _whole(job, fixed, short, whole)
    return seconds


def _ones(jobs: list[Job]) -> list[Job]:
    return [replace(job, steps=1) for job in jobs]


def _whole(job: Job, fixed: float, short: float, whole: dict[str, int]) -> float:
    """Seconds of a whole trial, from those of one step and of the job's."""
    each = max(short - fixed, 0.0) / (job.steps - 1)
    return fixed + each * whole[_cell(job)]


def _started(module: str, jobs: list[Job], prepared: Path, folder: Path) -> subprocess.Popen[str]:
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", module, str(prepared), str(folder), told(jobs)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


def _answer(process: subprocess.Popen[str]) -> str:
    """What it printed.

    Raises:
        RuntimeError: If it failed, with what it said.
    """
    printed, said = process.communicate()
    if process.returncode:
        raise RuntimeError(said)
    return printed


def _table(rounds: list[Round], jobs: list[Job], trials: int) -> list[dict[str, Any]]:
    """Ratios of seconds over batchscope's: per batch size, and of all trials of the study."""
    sizes = list(dict.fromkeys(job.batch_size for job in jobs))
    groups = {f"{size:,}": [j for j in jobs if j.batch_size == size] for size in sizes}
    groups["up to 16"] = [job for job in jobs if job.batch_size <= 16]
    groups["over 64"] = [job for job in jobs if job.batch_size > 64]
    groups["all"] = jobs
    rows: list[dict[str, Any]] = []
    for group, members in groups.items():
        totals = [
            {who: trials * sum(own[_cell(job)] for job in members)
             for who, own in one.items()}
            for one in rounds
        ]  # fmt: skip
        for who in totals[0]:
            ratios = [total[who] / total["batchscope"] for total in totals]
            rows.append({
                "batch_sizes": group,
                "contestant": who,
                "hours": statistics.median(total[who] for total in totals) / 3600,
                "ratio": statistics.median(ratios),
                "lowest": min(ratios),
                "highest": max(ratios),
            })  # fmt: skip
    return rows


def _tell(rows: list[dict[str, Any]]) -> None:
    print("| batch sizes | contestant | hours | times batchscope’s |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['batch_sizes']} | {row['contestant']} | {row['hours']:.3f} | "
            f"{row['ratio']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f}) |"
        )


def _conditions(rounds: int) -> dict[str, Any]:
    return {
        "rounds": rounds,
        "steps": {**STEPS, "full": _FULL},
        **machine(),
    }


if __name__ == "__main__":
    main()

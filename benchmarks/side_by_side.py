"""How many trials an hour: batchscope beside what libraries teach and what one writes by hand.

Run it with python -m benchmarks.side_by_side on an idle machine; a round takes a quarter of an
hour, half of that without two idiomatic processes (--contestants leaves some out). In every round
each contestant trains every cell of the default study in a process of its own, in turn:
idiomatic (one process, and two at once), plain (two at once) and batchscope (two workers, with
ledger, MLflow and Optuna, racing off). Trials are shortened to the steps of `STEPS`, with their
share of a whole trial's evaluations; a whole trial costs its fixed part, measured on one step and
one evaluation, and the rest in proportion to its steps. Rivals evaluate twelve times a trial, once
an epoch where batches are small; batchscope as often as it does in a study, 54 to 93 times. Prints
tables, and writes benchmarks/side_by_side.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from benchmarks.rivals.jobs import Job, told
from pipeline.calibration import Conditions
from pipeline.images import read_manifest
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stopping import evaluation_steps
from pipeline.study.places import PARAMS
from pipeline.trial import Recipe

STEPS: Final = {1: 1000, 4: 1000, 16: 600, 64: 300, 256: 100}
_FULL: Final = 100  # steps at the whole training split
RIVALS_EVALUATE: Final = 12  # times a trial: once an epoch of the default study's budget
RIVALS: Final = {  # module, processes, and how much shorter the trials are of who takes long
    "idiomatic": ("idiomatic", 1, 1),
    "idiomatic, two at once": ("idiomatic", 2, 4),
    "plain, two at once": ("plain", 2, 1),
}

Costs = dict[str, dict[str, float]]
"""By cell, seconds of a trial: ``fixed`` for one step with its evaluation, ``step`` for each more.

Two at once share the machine, so that each one's time counts half.
"""

Round = dict[str, Costs]
"""By contestant."""


@dataclass(frozen=True)
class Cut:
    """A trial that is shortened.

    Attributes:
        job: With steps, and a rival's evaluations of them.
        recipe: Of the trial that it was; its kernel is no matter.
        ours: batchscope's evaluations of the job's steps.
    """

    job: Job
    recipe: Recipe
    ours: int

    @property
    def cell(self) -> str:
        """As costs name it."""
        return cell_name(self.job.model, self.job.batch_size)


def main() -> None:
    """Take the rounds, and print medians with their range."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--models", nargs="+", help="a part of the default study's")
    parser.add_argument("--contestants", nargs="+", choices=RIVALS, default=list(RIVALS))
    asked = parser.parse_args()
    settings = load_settings(PARAMS)
    rounds: list[Round] = []
    with tempfile.TemporaryDirectory(prefix="side-by-side-") as name:
        prepared = prepared_in(Path(name), settings.data)
        cuts = _cuts(settings, prepared, asked.models or settings.models)
        trials = settings.sweep.replicates * settings.sweep.learning_rates.points
        for number in range(asked.rounds):
            with tempfile.TemporaryDirectory(prefix="round-", dir=name) as folder:
                rounds.append(_round(cuts, prepared, Path(folder), trials, asked.contestants))
            print(f"round {number + 1} of {asked.rounds} done", flush=True)
            _write(rounds, cuts, trials)
    _tell(_table(rounds, cuts, trials))


def _cuts(settings: Settings, prepared: Path, models: list[str]) -> list[Cut]:
    """Shortened trials of every cell, by batch size."""
    examples = read_manifest(prepared).train_examples
    recipe = Conditions(settings.training).recipe("solo")
    return [
        _cut(Job(model, size, STEPS.get(size, _FULL), 1), replace(recipe, max_steps=whole))
        for size in [*STEPS, examples]
        for whole in [settings.sweep.budget.max_steps(size, examples)]
        for model in models
    ]


def _cut(job: Job, recipe: Recipe) -> Cut:
    """With a trial's first evaluation, and its share of the others."""
    share = (job.steps - 1) / recipe.max_steps
    whole = (RIVALS_EVALUATE, len(evaluation_steps(recipe)) - 1)  # but for that of step 0
    rivals, ours = (1 + round(share * count) for count in whole)
    return Cut(replace(job, evaluations=rivals), recipe, ours)


def _round(
    cuts: list[Cut], prepared: Path, folder: Path, trials: int, contestants: Sequence[str]
) -> Round:
    taken: Round = {}
    for who in contestants:
        name, processes, shorter = RIVALS[who]
        own = [_cut(replace(c.job, steps=c.job.steps // shorter), c.recipe) for c in cuts]
        taken[who] = _rival(name, processes, own, prepared, folder)
    return taken | {"batchscope": _ours(cuts, prepared, folder, trials)}


def _rival(name: str, processes: int, cuts: list[Cut], prepared: Path, folder: Path) -> Costs:
    jobs = [cut.job for cut in cuts]
    both = [job for pair in zip(_ones(jobs), jobs, strict=True) for job in pair]
    running = [
        _started(f"benchmarks.rivals.{name}", both, prepared, folder / f"{name}-{processes}-{i}")
        for i in range(processes)
    ]
    answers: list[list[float]] = [json.loads(_answer(process)) for process in running]
    costs: Costs = {}
    for i, cut in enumerate(cuts):
        one, short = (
            statistics.mean(own[2 * i + k] for own in answers) / processes for k in range(2)
        )
        costs[cut.cell] = _cost(cut, one, short)
    return costs


def _ours(cuts: list[Cut], prepared: Path, folder: Path, trials: int) -> Costs:
    """A batch size's seconds, shared out to its cells in equal parts: only their sum is known."""
    jobs = [replace(cut.job, evaluations=cut.ours) for cut in cuts]
    process = _started("benchmarks.rivals.ours", [*_ones(jobs), *jobs], prepared, folder / "ours")
    taken: dict[str, float] = json.loads(_answer(process).splitlines()[-1])
    models = len({job.model for job in jobs})
    costs: Costs = {}
    for cut in cuts:
        one, short = (
            taken[f"{cut.job.batch_size} {steps}"] / models / trials for steps in (1, cut.job.steps)
        )
        costs[cut.cell] = _cost(cut, one, short)
    return costs


def _ones(jobs: list[Job]) -> list[Job]:
    return [replace(job, steps=1, evaluations=1) for job in jobs]


def _cost(cut: Cut, one: float, short: float) -> dict[str, float]:
    """Of a trial whose single step, and whose shortened form, took so many seconds."""
    return {"fixed": one, "step": max(short - one, 0.0) / (cut.job.steps - 1)}


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


def _table(rounds: list[Round], cuts: list[Cut], trials: int) -> list[dict[str, Any]]:
    """Ratios of seconds over batchscope's: per batch size, and of all trials of the study."""
    sizes = list(dict.fromkeys(cut.job.batch_size for cut in cuts))
    groups = {f"{size:,}": [c for c in cuts if c.job.batch_size == size] for size in sizes}
    groups["up to 16"] = [cut for cut in cuts if cut.job.batch_size <= 16]
    groups["over 64"] = [cut for cut in cuts if cut.job.batch_size > 64]
    groups["all"] = cuts
    rows: list[dict[str, Any]] = []
    for group, members in groups.items():
        totals = [{who: trials * _total(costs, members) for who, costs in one.items()}
                  for one in rounds]  # fmt: skip
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


def _total(costs: Costs, cuts: list[Cut]) -> float:
    """Seconds of one whole trial of each cell."""
    return sum(seconds(costs[cut.cell], cut.recipe.max_steps) for cut in cuts)


def cell_name(model: str, batch_size: int) -> str:
    """What costs name a cell."""
    return f"{model} {batch_size}"


def seconds(cost: dict[str, float], steps: int) -> float:
    """Seconds of a trial of so many steps."""
    return cost["fixed"] + cost["step"] * (steps - 1)


def _tell(rows: list[dict[str, Any]]) -> None:
    print("| batch sizes | contestant | hours | times batchscope’s |\n|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['batch_sizes']} | {row['contestant']} | {row['hours']:.3f} | "
            f"{row['ratio']:.2f} ({row['lowest']:.2f} to {row['highest']:.2f}) |"
        )


def _write(rounds: list[Round], cuts: list[Cut], trials: int) -> None:
    """Everything so far, so that a run cut short has lost nothing."""
    content = {
        "conditions": {"rounds": len(rounds), "steps": {**STEPS, "full": _FULL}, **machine()},
        "rounds": rounds,
        "table": _table(rounds, cuts, trials),
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()

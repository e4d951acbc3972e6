"""The default study from end to end, beside the same study as the libraries' documentation has it.

    python -m benchmarks.complete_study --study FOLDER --minutes MINUTES

Takes seconds per trial and step from benchmarks/side_by_side.json, the curves of the unraced design
from the folder of benchmarks.racing, and the trials of a finished default study from FOLDER, which
took MINUTES by the clock from `dvc repro` to its end. What the same trials cost with `idiomatic`:
trials of the grid stop at the hardest goal, at a loss that is not finite, or where Optuna's
MedianPruner says so, which is asked about the measured curves at twelve validations, a study a
cell, its trials in an order drawn for every round; search trials stop where ours did; confirm's run
to the end. Evaluating, tabling and drawing cost idiomatic nothing here.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import optuna
import pandas as pd

from benchmarks.racing import trained, unraced
from benchmarks.side_by_side import RIVALS_EVALUATE, Costs, cell_name, seconds
from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.settings import Settings

_FORMS: Final = ("idiomatic", "idiomatic, two at once")

Steps = dict[str, list[int]]
"""Of every trial, by cell as side_by_side names it."""


def main() -> None:
    """Replay, add up, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--study", type=Path, required=True, help="folder of a finished study")
    parser.add_argument("--minutes", type=float, required=True, help="that it took")
    parser.add_argument("--racing", type=Path, default=Path("/tmp/racing"))
    asked = parser.parse_args()
    beside = json.loads(Path(__file__).with_name("side_by_side.json").read_text())
    settings = unraced()
    (grid,) = trained(asked.racing, [settings])
    others = _others(asked.study)
    rows: list[dict[str, Any]] = []
    for number, costs in enumerate(beside["rounds"]):
        pruned = _pruned(settings, grid, number)
        steps = {cell: pruned[cell] + others.get(cell, []) for cell in pruned}
        hours = {form: _hours(costs[form], steps) for form in _FORMS if form in costs}
        rows.append({
            "share_of_unpruned_steps": _total(pruned) / _total(_unpruned(grid)),
            "hours": hours,
            "ratio": min(hours.values()) / (asked.minutes / 60),
        })  # fmt: skip
    trials = sum(map(len, steps.values()))
    content = {"minutes": asked.minutes, "trials": trials, "rounds": rows}
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")
    _tell(content)


def _others(study: Path) -> Steps:
    """Steps of the trials that are not the grid's, from the tables of a finished study."""
    tables = [
        pd.read_parquet(study / "results" / stage / "trials.parquet")
        for stage in ("sweep", "confirm")
    ]
    trials = pd.concat(tables, ignore_index=True)
    rest = trials[trials["origin"] != "grid"]
    return {
        cell_name(model, size): part["steps"].tolist()
        for (model, size), part in rest.groupby(["model", "batch_size"])
    }


def _pruned(settings: Settings, grid: Sequence[RaceResult], seed: int) -> Steps:
    """Steps of the grid's trials where MedianPruner watches every cell."""
    order = np.random.default_rng(seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return {
        cell: _study([trials[i] for i in order.permutation(len(trials))], settings, whole)
        for cell, (trials, whole) in _cells(grid).items()
    }


def _cells(grid: Sequence[RaceResult]) -> dict[str, tuple[list[TrialResult], int]]:
    """Trials, and the steps of the budget, by cell."""
    cells: dict[str, tuple[list[TrialResult], int]] = {}
    for result in grid:
        cell = cell_name(result.race.cell.model, result.race.cell.batch_size)
        cells.setdefault(cell, ([], result.race.recipe.max_steps))[0].extend(result.results)
    return cells


def _study(trials: Sequence[TrialResult], settings: Settings, whole: int) -> list[int]:
    quantity = f"validation_{settings.sweep.goals.quantity}"
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner())
    every = max(1, whole // RIVALS_EVALUATE)
    steps: list[int] = []
    for trial in trials:
        asked = study.ask()
        at, value, pruned = _watched(asked, trial, getattr(trial.curve, quantity), every)
        state = optuna.trial.TrialState.PRUNED if pruned else optuna.trial.TrialState.COMPLETE
        study.tell(asked, None if pruned else value, state=state)
        steps.append(at)
    return steps


def _watched(
    asked: optuna.Trial, trial: TrialResult, values: np.ndarray, every: int
) -> tuple[int, float, bool]:
    """The step a trial ends at, the value seen there, and whether it was pruned."""
    own, last = trial.curve.steps, int(trial.curve.steps[-1])
    for check in range(every, math.ceil(last / every) * every + 1, every):
        value = float(values[np.searchsorted(own, check, side="right") - 1])
        if check >= last:  # the goal is seen, or a loss that is not finite, or the budget is spent
            return check, 1.0 if trial.ended is Ended.DIVERGED else value, False
        asked.report(value, check)
        if asked.should_prune():
            return check, value, True
    return last, float(values[-1]), False


def _unpruned(grid: Sequence[RaceResult]) -> Steps:
    return {
        cell: [int(trial.curve.steps[-1]) for trial in trials]
        for cell, (trials, _) in _cells(grid).items()
    }


def _total(steps: Steps) -> int:
    return sum(sum(own) for own in steps.values())


def _hours(costs: Costs, steps: Steps) -> float:
    return sum(seconds(costs[cell], one) for cell, own in steps.items() for one in own) / 3600


def _tell(content: dict[str, Any]) -> None:
    rounds = content["rounds"]
    print(f"{content['trials']:,} trials, batchscope {content['minutes']:.1f} min")
    for form in rounds[0]["hours"]:
        hours = [one["hours"][form] for one in rounds]
        print(f"{form}: {statistics.median(hours):.2f} h ({min(hours):.2f} to {max(hours):.2f})")
    ratios = [one["ratio"] for one in rounds]
    print(f"ratio {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")
    shares = [one["share_of_unpruned_steps"] for one in rounds]
    print(f"MedianPruner leaves {statistics.median(shares):.2f} of the grid's unpruned steps")


if __name__ == "__main__":
    main()

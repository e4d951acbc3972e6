"""By batchscope: the sweep's runner with workers, ledger, MLflow and Optuna, racing off."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from contextlib import chdir
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rivals.jobs import Job
from pipeline.design import Design
from pipeline.points import design_points
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stopping import evaluation_steps
from pipeline.study.places import PARAMS, Places
from pipeline.study.session import session
from pipeline.trial import Cell, Race, Recipe


def main() -> None:
    """Train every job as a cell of the default study; print seconds by batch size and steps.

    Arguments of the process are the folder of the prepared data, one to write into and the jobs as
    JSON. Workers are started, and warm, before the clock.
    """
    prepared, folder = Path(sys.argv[1]).absolute(), Path(sys.argv[2])
    jobs = [Job(**job) for job in json.loads(sys.argv[3])]
    settings = _settings(jobs)
    seconds: dict[str, float] = {}
    with (
        chdir(folder),
        session("sweep", settings, Places("rivals", prepared=prepared)) as opened,
    ):
        warm = [Job(job.model, 64, 2, 1) for job in jobs]
        opened.runner.run([race for job in warm for race in _races(opened.design, job)])
        for (size, steps), own in groupby(jobs, key=lambda job: (job.batch_size, job.steps)):
            races = [race for job in own for race in _races(opened.design, job)]
            began = time.perf_counter()
            opened.runner.run(races)
            seconds[f"{size} {steps}"] = time.perf_counter() - began
    print(json.dumps(seconds))


def _settings(jobs: Sequence[Job]) -> Settings:
    """The default study's, with learning rates at which nothing diverges and no goal is reached."""
    values: dict[str, Any] = load_settings(PARAMS).model_dump(mode="json")
    values["models"] = list(dict.fromkeys(job.model for job in jobs))
    values["sweep"]["learning_rates"] |= {"low": 0.001, "high": 0.02}
    values["sweep"]["goals"] |= {"levels": [1e-6]}
    values["sweep"]["race"] = "off"
    return Settings.model_validate(values)


def _races(design: Design, job: Job) -> list[Race]:
    """The cell's races: as many trials as the default study has, steps and evaluations as asked."""
    cell = Cell(job.model, job.batch_size)
    grid = [
        design.sweep_race(cell, replicate, design_points(design.settings, replicate), "grid")
        for replicate in range(design.settings.sweep.replicates)
    ]
    ratio = _ratio(replace(grid[0].recipe, max_steps=job.steps, landmarks=()), job.evaluations)
    return [
        design.altered(race, max_steps=job.steps, landmarks=(), evaluation_ratio=ratio)
        for race in grid
    ]


def _ratio(recipe: Recipe, evaluations: int) -> float:
    """The largest ratio of evaluated steps that makes so many evaluations, but for that of step 0.

    Raises:
        ValueError: If the recipe has fewer steps.
    """
    for ratio in np.geomspace(recipe.max_steps + 1, 1.02, 400).tolist():
        if len(evaluation_steps(replace(recipe, evaluation_ratio=ratio))) > evaluations:
            return ratio
    raise ValueError(f"{recipe.max_steps} steps cannot be evaluated {evaluations} times")


if __name__ == "__main__":
    main()

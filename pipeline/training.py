"""Train one cohort with a Lightning Trainer: a pure function from plan and data to results."""

from __future__ import annotations

import logging
import platform
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version

import numpy as np
import pytorch_lightning as lightning
import torch

from models.registry import network
from pipeline.cohort import Cohort
from pipeline.events import Evaluated
from pipeline.images import Prepared
from pipeline.outcome import Ended, RaceResult, TrialResult, broken_results
from pipeline.trial import CohortPlan

__all__ = ["fit", "train_cohort"]

Observer = Callable[[Evaluated], None]


def train_cohort(plan: CohortPlan, prepared: Prepared, observe: Observer) -> tuple[RaceResult, ...]:
    """Train all trials of a cohort until each has ended.

    Out of memory, the cohort starts again at half its width, which changes no number; only when
    nothing is left to halve have its trials ended ``out_of_memory``. Any other error of the network
    ends them ``failed``.

    Args:
        plan: Races of one cell.
        prepared: Data to train and evaluate on.
        observe: Called after each evaluation.

    Returns:
        One result per race, in the plan's order.
    """
    started_at, clock = time.time(), time.perf_counter()
    results = _train(plan, prepared, observe)
    seconds = time.perf_counter() - clock
    edges = np.cumsum([0, *(len(race.trials) for race in plan.races)])
    return tuple(
        RaceResult(race, results[a:b], started_at, seconds, _environment(plan.recipe.device))
        for race, a, b in zip(plan.races, edges, edges[1:], strict=False)
    )


def _train(plan: CohortPlan, prepared: Prepared, observe: Observer) -> tuple[TrialResult, ...]:
    try:
        cohort = Cohort(plan, prepared, network(plan.cell.model), observe)
        fit(cohort)
        return cohort.results()
    except (torch.OutOfMemoryError, MemoryError) as problem:
        if plan.recipe.kernel == "stacked" and plan.width > 2:
            return _train(replace(plan, width=max(2, plan.width // 2)), prepared, observe)
        return _broken(plan, Ended.OUT_OF_MEMORY, problem)
    except Exception as problem:
        if "can't allocate memory" in str(problem):  # torch's CPU allocator has no type of its own
            return _broken(plan, Ended.OUT_OF_MEMORY, problem)
        return _broken(plan, Ended.FAILED, problem)


def fit(cohort: Cohort) -> None:
    """Train a cohort with a bare Lightning Trainer.

    Args:
        cohort: Holds its results and final parameters afterwards.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    recipe = cohort.plan.recipe
    with warnings.catch_warnings():
        # The first two are what a cohort means to do: it updates its members itself, and its loader
        # yields index blocks that need no worker. The third is between Lightning and torch.
        warnings.filterwarnings("ignore", message=".*configure_optimizers.*returned `None`")
        warnings.filterwarnings("ignore", message=".*does not have many workers")
        warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec.*deprecated")
        trainer = lightning.Trainer(
            accelerator="gpu" if recipe.device == "cuda" else "cpu",
            devices=1,
            precision=recipe.precision,
            max_epochs=1,
            barebones=True,  # no logger, checkpoint, progress bar, summary or sanity check
        )
        trainer.fit(cohort)


def _broken(plan: CohortPlan, ended: Ended, problem: BaseException) -> tuple[TrialResult, ...]:
    message = f"{type(problem).__name__}: {problem}"
    return tuple(r for race in plan.races for r in broken_results(race, message, ended))


@lru_cache
def _environment(device: str) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": version("pytorch-lightning"),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }

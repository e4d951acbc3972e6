"""Train one cohort with a Lightning Trainer: a pure function from plan and data to results."""

from __future__ import annotations

import logging
import platform
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytorch_lightning as lightning
import torch

from models.registry import network
from pipeline.cohort import Cohort
from pipeline.events import Evaluated
from pipeline.fingerprint import probe_digest, race_fingerprint
from pipeline.images import Prepared
from pipeline.members import LEAST
from pipeline.memory import out_of_memory
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
        observe: Called at the start and after each evaluation.

    Returns:
        One result per race, in the plan's order.
    """
    started_at, clock = time.time(), time.perf_counter()

    def tell(evaluated: Evaluated) -> None:
        # Of the plan as it was asked for, also where it trains at half its width.
        observe(replace(evaluated, plan=plan, started_at=started_at))

    tell(Evaluated(plan, 0, len(plan.trials), 0))
    results = _train(plan, prepared, tell)
    seconds = time.perf_counter() - clock
    edges = np.cumsum([0, *(len(race.trials) for race in plan.races)])
    return tuple(
        RaceResult(race, results[a:b], started_at, seconds, _environment(plan.recipe.device))
        for race, a, b in zip(plan.races, edges, edges[1:], strict=False)
    )


def _train(plan: CohortPlan, prepared: Prepared, observe: Observer) -> tuple[TrialResult, ...]:
    outcome = _attempt(plan, prepared, observe)
    # Out of the except clause, whose traceback holds the cohort and with it the memory.
    while outcome is None and plan.recipe.kernel == "stacked" and plan.width > LEAST:
        plan = replace(plan, width=max(LEAST, plan.width // 2))
        outcome = _attempt(plan, prepared, observe)
    if outcome is None:
        return _broken(plan, "out of memory, even at the smallest width", Ended.OUT_OF_MEMORY)
    return outcome


def _attempt(
    plan: CohortPlan, prepared: Prepared, observe: Observer
) -> tuple[TrialResult, ...] | None:
    """Results of a cohort, or None where memory ran out."""
    try:
        cohort = Cohort(plan, prepared, network(plan.cell.model), observe)
        _check_fingerprints(plan, prepared)
        fit(cohort)
        return cohort.results()
    except Exception as problem:  # a user's network may raise anything
        if out_of_memory(problem):
            return None
        frame = traceback.extract_tb(problem.__traceback__)[-1]
        message = f"{type(problem).__name__}: {problem}"
        where = f"{Path(frame.filename).name}, line {frame.lineno}"
        return _broken(plan, f"{message} (in {where})")


def _check_fingerprints(plan: CohortPlan, prepared: Prepared) -> None:
    """A result must never be filed under the source or data of another.

    Raises:
        RuntimeError: If either was edited since the races were planned.
    """
    for race in plan.races:
        if race_fingerprint(race.trials, race.recipe, prepared.digest) != race.fingerprint:
            raise RuntimeError("source code or data changed while the study ran; run it again")
    if plan.probed and probe_digest(plan.probed.plan) != plan.probed.digest:
        raise RuntimeError("source code of probes changed while the study ran; run it again")


def fit(cohort: Cohort) -> None:
    """Train a cohort with a bare Lightning Trainer.

    Args:
        cohort: Holds its results afterwards.
    """
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    recipe = cohort.plan.recipe
    # Else convolutions, and they alone, would round to TF32 on a GPU.
    torch.backends.cudnn.allow_tf32 = False
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


def _broken(plan: CohortPlan, message: str, ended: Ended = Ended.FAILED) -> tuple[TrialResult, ...]:
    return tuple(r for race in plan.races for r in broken_results(race, message, ended))


@lru_cache
def _environment(device: str) -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),  # a type of torch's, which takes seconds to import
        "lightning": version("pytorch-lightning"),
        "device": torch.cuda.get_device_name() if device == "cuda" else platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "threads": str(torch.get_num_threads()),
    }

"""Races whose results are made up: a parabola of log steps over the log learning rate."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from pipeline.events import Event, Finished, Started
from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.settings import Settings
from pipeline.trial import CohortPlan, Race, Trial

BEST = 0.3  # learning rate of fewest steps, at momentum 0
EDGE = 3.0  # beyond it a trial diverges


def searching(settings: Settings, **sweep: Any) -> Settings:
    """Two networks at batch sizes 8 and 64, five learning rates, two replicates; search by tpe."""
    tree = settings.model_dump(mode="json")
    tree["models"] = ["mlp", "conv"]
    tree["sweep"] |= {"batch_sizes": [8, 64], "replicates": 2}
    tree["sweep"]["learning_rates"] |= {"points": 5}
    tree["sweep"]["search"] = {"sampler": "tpe", "proposals": 2, "limit": 5, "until": 1.001}
    tree["sweep"] |= sweep
    return Settings.model_validate(tree)


def outcome(ended: Ended, steps: int) -> TrialResult:
    """A curve of two evaluations; where the trial reached the goal, it did so at the second."""
    errors = np.array([0.9, 0.01 if ended is Ended.REACHED else 0.8])
    ones = np.ones(2)
    return TrialResult(ended, Curve(np.array([0, steps]), ones, errors, ones, ones, ones))


def broken() -> TrialResult:
    nothing = np.empty(0)
    return TrialResult(
        Ended.FAILED,
        Curve(np.empty(0, dtype=int), nothing, nothing, nothing, nothing, nothing),
        "the network broke",
    )


def planted(trial: Trial) -> TrialResult:
    """Of a trial, a little noise included; a pure function of it."""
    effective = trial.learning_rate / (1 - trial.momentum)
    if effective > EDGE:
        return outcome(Ended.DIVERGED, 3)
    luck = int(hashlib.sha256(repr(trial).encode()).hexdigest()[:4], 16) / 65536 - 0.5
    return outcome(
        Ended.REACHED, round(200 * 2 ** (math.log2(effective / BEST) ** 2 / 4 + luck / 5))
    )


def result_of(race: Race) -> RaceResult:
    return RaceResult(race, tuple(planted(trial) for trial in race.trials), 1.6e9, 2.0, {})


class PlantedEngine:
    """Makes results up, and is stopped like by Ctrl-C after a number of cohorts."""

    def __init__(self, patience: int = 10_000) -> None:
        self.patience = patience
        self.trained: list[Race] = []

    def warm_up(self) -> None:
        """Nothing to begin."""

    def run(self, cohorts: Sequence[CohortPlan]) -> Iterator[Event]:
        for plan in cohorts:
            if not self.patience:
                raise KeyboardInterrupt
            self.patience -= 1
            self.trained += plan.races
            yield Started(plan)
            yield Finished(plan, tuple(result_of(race) for race in plan.races))

    def close(self) -> None:
        """Nothing to give back."""

"""Trials whose truth is known: the tuned learning rate, the steps to every goal, the edge.

Per model: S*(B) = s_min (1 + b_crit / B) steps to the hardest goal at the tuned learning rate
eta*(B) = eta_max / (1 + b_noise / B); off it, log2 S grows by half the squared octaves between
eta and eta*; above ``EDGE`` times eta* a trial diverges at once, a little below it late. Error
falls from ``START`` towards ``FLOOR`` as a stretched exponential that is at the hardest goal at S,
so that every goal has the same hyperbola with another s_min.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

GOALS: Final = (0.10, 0.07, 0.05)
TRAIN_EXAMPLES: Final = 1347
EPOCHS: Final = 20
MIN_STEPS: Final = 400
RACE: Final = 4.0
EDGE: Final = 2.0**1.5
START: Final = 0.9
FLOOR: Final = 0.02
STRETCH: Final = 0.5


@dataclass(frozen=True)
class Planted:
    """The truth of one model. Steps are optimiser steps, batch sizes examples."""

    s_min: float
    b_crit: float
    eta_max: float
    b_noise: float

    def learning_rate(self, batch_size: int) -> float:
        return self.eta_max / (1 + self.b_noise / batch_size)

    def steps(self, batch_size: int, goal: float = GOALS[-1]) -> float:
        hardest = math.log((START - FLOOR) / (GOALS[-1] - FLOOR))
        share = math.log((START - FLOOR) / (goal - FLOOR)) / hardest
        return self.s_min * (1 + self.b_crit / batch_size) * share ** (1 / STRETCH)


@dataclass(frozen=True)
class PlantedRace:
    """A race to be made up: which trials, and whether they stop at the hardest goal."""

    truth: Planted
    model: str
    batch_size: int
    replicate: int
    rates: Sequence[float]
    phase: str
    noise: float

    @property
    def fingerprint(self) -> str:
        named = f"{self.phase} {self.model} {self.batch_size} {self.replicate}"
        return hashlib.sha256(named.encode()).hexdigest()

    def tables(
        self, rng: np.random.Generator
    ) -> tuple[list[dict[str, object]], list[pd.DataFrame]]:
        """Rows of the trials table, and a curve for each."""
        octaves = np.log2(np.array(self.rates) / self.truth.learning_rate(self.batch_size))
        noise = self.noise * (rng.normal() + rng.normal(size=len(octaves)) / 2)
        steps = self.truth.steps(self.batch_size) * 2 ** (octaves**2 / 2) * np.exp(noise)
        late = np.where(octaves > math.log2(EDGE / 1.3), 0.65 * steps, np.inf)
        breaks = np.where(octaves > math.log2(EDGE), 3.0, late)
        at = self._evaluations()
        first = float(np.min(np.where(np.isinf(breaks), steps, np.inf)))
        limit = RACE * at[np.searchsorted(at, first)] if first <= at[-1] else np.inf
        sweep = self.phase == "sweep"
        rows, curves = [], []
        for member in range(len(octaves)):
            ends = {
                "reached": steps[member] if sweep else np.inf,
                "diverged": breaks[member],
                "outraced": limit if sweep else np.inf,
                "exhausted": at[-1],
            }
            seen = {name: int(np.searchsorted(at, step)) for name, step in ends.items()}
            ended = min(seen, key=lambda name: seen[name])
            curve = _curve(rng, at[: seen[ended] + 1], steps[member], ended == "diverged", sweep)
            curve.insert(1, "examples", curve["step"] * self.batch_size)
            curves.append(curve.assign(fingerprint=self.fingerprint, member=member))
            rows.append(self._row(member, ended, curve, at))
        return rows, curves

    def _epoch_steps(self) -> int:
        return math.ceil(EPOCHS * TRAIN_EXAMPLES / self.batch_size)

    def _evaluations(self) -> np.ndarray:
        last = max(self._epoch_steps(), MIN_STEPS)
        powers = 1.1 ** np.arange(math.ceil(math.log(last, 1.1)) + 1)
        steps = np.append(np.ceil(powers), [0, self._epoch_steps(), last])
        return np.unique(steps[steps <= last].astype(np.int64))

    def _row(
        self, member: int, ended: str, curve: pd.DataFrame, at: np.ndarray
    ) -> dict[str, object]:
        last = curve.iloc[-1]
        return {
            "model": self.model,
            "batch_size": self.batch_size,
            "replicate": self.replicate,
            "learning_rate": float(self.rates[member]),
            "momentum": 0.0,
            "weight_decay": 0.0,
            "origin": "grid" if self.phase == "sweep" else "confirm",
            "kernel": "stacked" if self.batch_size <= 64 else "solo",
            "max_steps": int(at[-1]),
            "epoch_steps": self._epoch_steps(),
            "ended": ended,
            "message": "",
            "steps": int(last["step"]),
            "examples": int(last["examples"]),
            "best_validation_loss": curve["validation_loss"].min(),
            "best_validation_error": curve["validation_error"].min(),
            "last_validation_loss": last["validation_loss"],
            "last_validation_error": last["validation_error"],
            "fingerprint": self.fingerprint,
            "member": member,
        }


def _curve(
    rng: np.random.Generator, at: np.ndarray, steps: float, diverged: bool, sweep: bool
) -> pd.DataFrame:
    decay = ((GOALS[-1] - FLOOR) / (START - FLOOR)) ** ((at / steps) ** STRETCH)
    error = FLOOR + (START - FLOOR) * decay
    # The floor moves only behind the hardest goal, so that planted steps to goal stay exact.
    error = np.where(at > steps, error + (GOALS[-1] - error) * rng.uniform(0, 0.5), error)
    test = error + 0.01 * rng.uniform(0.5, 1.5)
    loss = 2.3 * error / START
    if diverged:  # as a network of NaN does: some class is the largest, and no loss is finite
        error[-1], loss[-1], test[-1] = START, np.nan, START
    untested = np.full(len(at), np.nan)
    return pd.DataFrame({
        "step": at,
        "validation_loss": loss,
        "validation_error": error,
        "train_loss": np.where(at == 0, np.nan, 0.9 * loss),
        "test_loss": untested if sweep else 2.3 * test / START + 0 * loss,
        "test_error": untested if sweep else test,
    })

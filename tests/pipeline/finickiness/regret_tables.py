"""Tables of confirm made by hand, and rows of regrets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

BUDGET = 400


@dataclass(frozen=True)
class Run:
    """A trial of confirm: what it stands for and what its only goal observed."""

    batch_size: int
    rules: tuple[str, ...]
    replicate: int
    steps: float = BUDGET
    kind: str = "reached"
    goal: float = 0.05
    model: str = "conv"

    @property
    def fingerprint(self) -> str:
        return f"{self.model} {self.batch_size} {'+'.join(self.rules)} {self.replicate}"


def confirm_tables(runs: Iterable[Run]) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Trials, assignments and observations."""
    runs = list(runs)
    trials = pd.DataFrame([
        {"fingerprint": name, "member": 0, "max_steps": BUDGET}
        for name in dict.fromkeys(run.fingerprint for run in runs)
    ])
    assignments = pd.DataFrame([
        {
            "model": run.model,
            "batch_size": run.batch_size,
            "replicate": run.replicate,
            "rule": rule,
            "fingerprint": run.fingerprint,
            "member": 0,
        }
        for run in runs
        for rule in run.rules
    ]).drop_duplicates()
    observed = pd.DataFrame([
        {
            "fingerprint": run.fingerprint,
            "member": 0,
            "goal": run.goal,
            "kind": run.kind,
            "steps": run.steps,
        }
        for run in runs
    ])
    return trials, assignments, observed

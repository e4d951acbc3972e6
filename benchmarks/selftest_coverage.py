"""Do the intervals of the tuned learning rate cover, and is the window right, on a solved problem?

Run it with python -m benchmarks.selftest_coverage. For every seed it sweeps the noisy quadratic at
the selftest's settings (`pipeline/quadratic/study.yaml`), through the same design, runner, cohorts,
ledger and tables as any study, and compares tuned learning rate and window with the truth. What was
trained stays in --folder, so that a run that was stopped goes on. It prints the tables of
docs/science-selftest.md and writes benchmarks/selftest_coverage.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import stats

from pipeline.datasets import specification
from pipeline.engines.inline import InlineEngine
from pipeline.images import load_prepared, write_prepared
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.quadratic.setting import selftest_settings
from pipeline.quadratic.truth import truth
from pipeline.runner import Runner
from pipeline.study.selftest import measured_window, schedule
from pipeline.study.session import design_of
from pipeline.study.sweep import searched
from pipeline.tables import curves_table, trials_table
from pipeline.tuning import tuned_learning_rates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.quadratic.truth import Truth


@dataclass(frozen=True)
class Cell:
    """One batch size of one repetition."""

    seed: int
    batch_size: int
    value: float
    low: float
    high: float
    method: str
    window: float


def main() -> None:
    """Sweep for every seed asked, and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/selftest_coverage"))
    parser.add_argument("--seeds", type=int, default=20, help="how many, from 0 on")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    prepared, started = _prepared(asked.folder), time.process_time()
    engine = InlineEngine(load_prepared(prepared))
    cells: list[Cell] = []
    for seed in range(asked.seeds):
        runner = Runner("sweep", Ledger(asked.folder / "ledger", print), engine, (), 48, print)
        cells += _sweep(seed, prepared, runner)
    seconds = time.process_time() - started
    known = _truths(prepared)
    _tell(cells, known)
    content = {
        "conditions": _conditions(asked.seeds, seconds),
        "truth": [asdict(true) for true in known.values()],
        "cells": [asdict(cell) for cell in cells],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def _sweep(seed: int, prepared: Path, runner: Runner) -> list[Cell]:
    settings = selftest_settings(seed=seed)
    results = searched(design_of(settings, read_manifest(prepared)), runner.run)
    trials, curves = trials_table(results), curves_table(results)
    sweep = settings.sweep
    tuned = tuned_learning_rates(
        trials,
        curves,
        quantity=sweep.goals.quantity,
        goal=sweep.goals.hardest,
        box=(sweep.learning_rates.low, sweep.learning_rates.high),
        confidence=settings.analysis.confidence,
    )
    return [
        Cell(
            seed,
            int(row["batch_size"]),
            *(float(row[name]) for name in ("learning_rate", "low", "high")),
            str(row["method"]),
            measured_window(trials[trials["batch_size"] == row["batch_size"]], curves, settings),
        )
        for _, row in tuned.iterrows()
    ]


def _truths(prepared: Path) -> dict[int, Truth]:
    settings = selftest_settings()
    steps = schedule(design_of(settings, read_manifest(prepared)))
    return {size: truth(settings.sweep.goals.hardest, size, at) for size, at in steps.items()}


def _tell(cells: Sequence[Cell], known: dict[int, Truth]) -> None:
    print("| batch size | truth | bias (log) | spread (log) | covered | window: found | truth | |")
    print("|---|---|---|---|---|---|---|---|")
    covered: list[bool] = []
    for size, true in known.items():
        own = [cell for cell in cells if cell.batch_size == size]
        rate = true.tuned.learning_rate
        off = np.log([cell.value / rate for cell in own])
        held = [cell.low <= rate <= cell.high for cell in own]
        covered += held
        window = float(np.mean([cell.window for cell in own]))
        print(
            f"| {size:,} | {rate:.4g} | {off.mean():+.3f} | {off.std():.3f} | {sum(held)} of "
            f"{len(held)} | {window:.3f} | {true.window:.3f} | {window / true.window - 1:+.1%} |"
        )
    low, high = stats.binom.interval(0.95, len(covered), 0.95)
    print(
        f"covered: {sum(covered)} of {len(covered)} ({np.mean(covered):.1%}); a method that covers "
        f"95 % does so in {low:.0f} to {high:.0f}, 95 times in 100"
    )


def _prepared(folder: Path) -> Path:
    prepared = folder / "prepared"
    if not prepared.exists():
        raw = folder / "raw"
        raw.mkdir(parents=True, exist_ok=True)
        prepared.mkdir()
        quadratic = specification("noisy_quadratic")
        quadratic.fetch(raw)
        write_prepared(prepared, selftest_settings().data, quadratic.read(raw))
    return prepared


def _conditions(seeds: int, seconds: float) -> dict[str, Any]:
    return {
        "seeds": seeds,
        "cpu_seconds": round(seconds),
        "machine": platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


if __name__ == "__main__":
    main()

"""Do the intervals of the tuned learning rate cover, and is the window right, on a solved problem?

Run it with python -m benchmarks.selftest_coverage. For every seed it sweeps the noisy quadratic at
the selftest's settings (`pipeline/quadratic/study.yaml`), through the same design, runner, cohorts,
ledger and tables as any study, and compares tuned learning rate and window with the truth. What was
trained stays in --folder, so that a run that was stopped goes on. With --zoom N every cell is
searched too, in a round of N learning rates per replicate. With --emulated races are simulated
exactly instead of trained, which takes seconds a seed. It prints the tables of
docs/science-selftest.md and writes benchmarks/selftest_coverage.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import stats

from benchmarks.conditions import machine
from benchmarks.emulated import emulated
from benchmarks.preparation import prepared_in
from pipeline.engines.inline import InlineEngine
from pipeline.finickiness.grid import grid_curves
from pipeline.finickiness.window import window
from pipeline.images import load_prepared
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.quadratic.setting import selftest_settings
from pipeline.quadratic.truth import FACTOR, truth
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.study.selftest import schedule
from pipeline.study.session import design_of
from pipeline.study.sweep import searched
from pipeline.tables import curves_table, trials_table
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.outcome import RaceResult
    from pipeline.quadratic.truth import Truth
    from pipeline.trial import Race

    Run = Callable[[Sequence[Race]], list[RaceResult]]


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
    parser.add_argument("--seeds", type=int, default=20, help="how many")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--zoom", type=int, default=0, help="learning rates of a search round")
    parser.add_argument("--emulated", action="store_true", help="simulate races, train none")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    prepared, started = prepared_in(asked.folder, selftest_settings().data), time.process_time()
    run = emulated if asked.emulated else _trained(asked.folder, prepared)
    cells = [
        cell
        for seed in range(asked.first, asked.first + asked.seeds)
        for cell in _sweep(seed, asked.zoom, prepared, run)
    ]
    seconds = time.process_time() - started
    known = _truths(prepared)
    _tell(cells, known)
    content = {
        "conditions": {
            "seeds": [asked.first, asked.seeds],
            "zoom": asked.zoom,
            "emulated": asked.emulated,
            "cpu_seconds": round(seconds),
            **machine(),
        },
        "truth": [asdict(true) for true in known.values()],
        "cells": [asdict(cell) for cell in cells],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def _trained(folder: Path, prepared: Path) -> Run:
    engine, ledger = InlineEngine(load_prepared(prepared)), Ledger(folder / "ledger", print)

    def run(races: Sequence[Race]) -> list[RaceResult]:
        return Runner("sweep", ledger, engine, (), 48, print).run(races)

    return run


def _sweep(seed: int, zoom: int, prepared: Path, run: Run) -> list[Cell]:
    settings = selftest_settings(seed=seed)
    if zoom:
        round_of = {"sampler": "zoom", "proposals": zoom, "limit": zoom, "until": 1.000001}
        tree = settings.model_dump(mode="json")
        tree["sweep"]["search"] = round_of
        settings = Settings.model_validate(tree)
    results = searched(design_of(settings, read_manifest(prepared)), run)
    trials, curves = trials_table(results), curves_table(results)
    goals = settings.sweep.goals
    tuned = tuned_by(settings, trials, curves)
    grid = grid_curves(trials, curves, quantity=goals.quantity, goal=goals.hardest)
    return [
        Cell(
            seed,
            int(row["batch_size"]),
            *(float(row[name]) for name in ("learning_rate", "low", "high")),
            str(row["method"]),
            found.decades.value or math.nan,
        )
        for _, row in tuned.iterrows()
        for own in [[curve for curve in grid if curve.batch_size == row["batch_size"]]]
        for found in [window(own, FACTOR, settings.analysis.confidence)]
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


if __name__ == "__main__":
    main()

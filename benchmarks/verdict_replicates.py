"""Trains the replicates that benchmarks.verdict_power draws its studies from: many of one network.

Run it with python -m benchmarks.verdict_replicates (half an hour on one core). It trains `mlp` on
digits under params.yaml with a budget of 5 epochs: 24 replicates of the sweep's design, of which
random threes are real sweeps under different seeds, each with its own tuned learning rates; then
fresh replicates of every learning rate that confirm would train after any of these sweeps. They
stop at the hardest goal, which changes no steps to a goal. benchmarks/data/ keeps both tables and
their conditions.
"""

from __future__ import annotations

import argparse
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import torch

from benchmarks.preparation import prepared_in
from models.registry import infeasible
from pipeline.batch_sizes import resolved_batch_sizes
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.observations import observations
from pipeline.preferred import preferred
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.tables import curves_table, trials_table
from pipeline.trial import Cell, Hyperparameters
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.outcome import RaceResult
    from pipeline.trial import Race

DATA: Final = Path(__file__).parent / "data"
MODEL: Final = "mlp"
REFERENCE: Final = 64
EPOCHS: Final = 5.0
SWEEPS: Final = 24  # replicates of the design
DRAWS: Final = 200  # threes of them
FRESH: Final = 1000  # confirm's first replicate


@dataclass(frozen=True)
class _Trained:
    """Tables of races."""

    trials: pd.DataFrame
    curves: pd.DataFrame


def main() -> None:
    """Train, and write the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/verdict_replicates"))
    parser.add_argument("--replicates", type=int, default=60, help="fresh ones per learning rate")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    prepared = prepared_in(asked.folder, load_settings(Path("params.yaml")).data)
    manifest = read_manifest(prepared)
    engine = LocalEngine(1, prepared)
    runner = Runner("replicates", Ledger(asked.folder / "ledger", print), engine, (), 36, print)

    def design(race: float | str) -> Design:
        settings = settings_of(race)
        sizes = resolved_batch_sizes(settings, manifest.train_examples)
        return Design(
            settings,
            manifest.digest,
            manifest.train_examples,
            sizes,
            "cpu",
            lambda model, size: infeasible(model, manifest.task, size),
        )

    sweep = _tables(runner.run(design(4.0).grid()))
    tuned = _tuned(sweep, design(4.0).settings)
    races = list(_fresh(design("off"), tuned, asked.replicates))
    fresh = _tables(runner.run(races))
    engine.close()
    _write(tuned, sweep, fresh, design("off").settings, asked.replicates)


def settings_of(race: float | str) -> Settings:
    """Those of params.yaml, for many replicates of one network."""
    tree: dict[str, Any] = load_settings(Path("params.yaml")).model_dump(mode="json")
    tree["models"] = [MODEL]
    tree["sweep"] |= {"replicates": SWEEPS, "race": race}
    tree["sweep"]["search"]["sampler"] = "none"
    tree["sweep"]["budget"]["epochs"] = EPOCHS
    tree["training"]["workers"] = 1
    tree["confirm"]["reference_batch_size"] = REFERENCE
    return Settings.model_validate(tree)


def _tables(results: list[RaceResult]) -> _Trained:
    return _Trained(trials_table(results), curves_table(results))


def _tuned(sweep: _Trained, settings: Settings) -> pd.DataFrame:
    """Tuned learning rates of random threes of the sweep's replicates, as confirm trains them."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for draw in range(DRAWS):
        three = sorted(rng.choice(SWEEPS, 3, replace=False).tolist())
        drawn = sweep.trials["replicate"].isin(three)
        keys = sweep.trials.loc[drawn, "fingerprint"]
        curves = sweep.curves[sweep.curves["fingerprint"].isin(keys)]
        found = tuned_by(settings, sweep.trials[drawn].reset_index(drop=True), curves)
        trained = {
            int(size): preferred(rate, survived)
            for size, rate, survived in found[
                ["batch_size", "learning_rate", "survived"]
            ].to_numpy()
        }
        rows += [
            {
                "draw": draw,
                "replicates": " ".join(map(str, three)),
                **row,
                "tuned": trained[row["batch_size"]],
                "constant": trained[REFERENCE],
            }
            for row in found[["batch_size", "learning_rate", "low", "high"]].to_dict("records")
        ]
    return pd.DataFrame(rows)


def _fresh(design: Design, tuned: pd.DataFrame, replicates: int) -> Iterator[Race]:
    for size, rows in tuned.groupby("batch_size"):
        rates = sorted({*rows["tuned"], *rows["constant"]})
        for rate in rates:
            for replicate in range(FRESH, FRESH + replicates):
                point = Hyperparameters(rate, 0.0, 0.0)
                cell = Cell(MODEL, int(size))  # pyright: ignore
                yield design.sweep_race(cell, replicate, [point], "confirm")


def _write(
    tuned: pd.DataFrame, sweep: _Trained, fresh: _Trained, settings: Settings, replicates: int
) -> None:
    goals = settings.sweep.goals
    levels = sorted(goals.levels, reverse=True)
    seen = observations(fresh.trials, fresh.curves, quantity=goals.quantity, goals=levels)
    seen["max_steps"] = np.tile(fresh.trials["max_steps"].to_numpy(), len(levels))
    columns = ["batch_size", "learning_rate", "replicate", "goal", "kind", "steps", "max_steps"]
    seen = seen[columns].sort_values(columns[:4], ignore_index=True)
    seen["replicate"] -= FRESH
    DATA.mkdir(exist_ok=True)
    grid = observations(sweep.trials, sweep.curves, quantity=goals.quantity, goals=[goals.hardest])
    grid["max_steps"] = sweep.trials["max_steps"]
    grid = grid[columns].sort_values(columns[:4], ignore_index=True)
    grid.to_parquet(DATA / "verdict_grid.parquet", index=False)
    tuned.to_parquet(DATA / "verdict_tuned.parquet", index=False)
    seen.to_parquet(DATA / "verdict_replicates.parquet", index=False)
    conditions = {
        "command": "python -m benchmarks.verdict_replicates",
        "model": MODEL,
        "dataset": "digits",
        "epochs": EPOCHS,
        "replicates_of_the_sweep": SWEEPS,
        "fresh_replicates": replicates,
        "trials": len(fresh.trials),
        "machine": platform.machine(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }
    path = DATA / "verdict_replicates.json"
    path.write_text(json.dumps(conditions, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Does a search pin the tuned learning rate more narrowly than a finer grid of the same size?

Run it with python -m benchmarks.search_against_grid. In each of ten cells (mlp and conv on digits,
batch sizes 8 to 128) it trains, with the replicates of params.yaml, a grid of 12 learning rates and
8 that the search proposes, and a grid of 20; both are 20 trials per cell and replicate. It prints
the table of docs/search.md and writes benchmarks/search_against_grid.json with its conditions. What
is compared is log(high / low) of the interval of the tuned learning rate that the study reports.
--box LOW HIGH asks it of another box of learning rates than params.yaml's.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from pipeline.design import Design
from pipeline.engines.local import LocalEngine
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.study.sweep import searched
from pipeline.tables import curves_table, trials_table
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from pipeline.manifest import Manifest
    from pipeline.outcome import RaceResult

MODELS = ["mlp", "conv"]
BATCH_SIZES = [8, 16, 32, 64, 128]
GRID, PROPOSED = 12, 8  # learning rates per cell and replicate
NEVER = 1.000001  # narrower than any interval, so that every cell gets all its proposals


@dataclass(frozen=True)
class Width:
    """How narrowly a cell is pinned: log(high / low), by the coarse grid, search and fine grid."""

    seed: int
    model: str
    batch_size: int
    learning_rate: float
    coarse: float
    search: float
    fine: float


def main() -> None:
    """Compare search and grid for every seed asked, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/search_against_grid"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--sampler", default="zoom")
    parser.add_argument("--proposals", type=int, default=PROPOSED, help="of a round")
    box = load_settings(Path("params.yaml")).sweep.learning_rates
    parser.add_argument("--box", type=float, nargs=2, default=(box.low, box.high))
    asked = parser.parse_args()
    prepared = prepared_in(asked.folder, load_settings(Path("params.yaml")).data)
    engine = LocalEngine(2, prepared)
    runner = Runner("search", Ledger(asked.folder / "ledger", print), engine, (), 36, print)
    widths: list[Width] = []
    for seed in asked.seeds:
        asks = [
            _settings(seed, points, sampler, asked.proposals, asked.box)
            for points, sampler in (
                (GRID, "none"), (GRID, asked.sampler), (GRID + PROPOSED, "none"),
            )
        ]  # fmt: skip
        widths += _compare(seed, asks, runner, read_manifest(prepared))
        _tell([width for width in widths if width.seed == seed])
    engine.close()
    content = {
        "conditions": _conditions(asked.sampler, asked.proposals) | {"box": list(asked.box)},
        "widths": [asdict(width) for width in widths],
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def _compare(
    seed: int, asks: Sequence[Settings], runner: Runner, manifest: Manifest
) -> list[Width]:
    tables = [
        _tuned(searched(_design(settings, manifest), runner.run), settings) for settings in asks
    ]
    widths = [np.log(table["high"] / table["low"]) for table in tables]
    return [
        Width(seed, model, size, rate, *(float(width.iloc[i]) for width in widths))
        for i, (model, size, rate) in enumerate(
            zip(
                tables[1]["model"],
                tables[1]["batch_size"].tolist(),
                tables[1]["learning_rate"].tolist(),
                strict=True,
            )
        )
    ]


def _settings(
    seed: int, points: int, sampler: str, proposals: int, box: Sequence[float]
) -> Settings:
    tree: dict[str, Any] = load_settings(Path("params.yaml")).model_dump(mode="json")
    tree["models"] = MODELS
    tree["sweep"]["batch_sizes"] = BATCH_SIZES
    low, high = box
    tree["sweep"]["learning_rates"] |= {"low": low, "high": high, "points": points}
    tree["sweep"]["search"] = {
        "sampler": sampler,
        "proposals": proposals,
        "limit": PROPOSED,
        "until": NEVER,
    }
    tree["training"]["seed"] = seed
    tree["confirm"]["reference_batch_size"] = 64
    return Settings.model_validate(tree)


def _design(settings: Settings, manifest: Manifest) -> Design:
    return Design(
        settings, manifest.digest, manifest.train_examples, tuple(BATCH_SIZES), "cpu", lambda *_: ""
    )


def _tuned(results: list[RaceResult], settings: Settings) -> pd.DataFrame:
    return tuned_by(settings, trials_table(results), curves_table(results))


def _tell(widths: list[Width]) -> None:
    print("| model | batch size | tuned learning rate | grid 12 | grid 12 + search 8 | grid 20 |")
    print("|---|---|---|---|---|---|")
    for cell in widths:
        factors = (f"× {np.exp(value):.2f}" for value in (cell.coarse, cell.search, cell.fine))
        narrower = "**" if cell.search < cell.fine else ""
        before, middle, after = factors
        print(
            f"| {cell.model} | {cell.batch_size} | {cell.learning_rate:.2g} | {before} | "
            f"{narrower}{middle}{narrower} | {after} |"
        )
    wins = sum(cell.search < cell.fine for cell in widths)
    ratio = statistics.median(cell.search / cell.fine for cell in widths)
    print(f"seed {widths[0].seed}: narrower in {wins} of {len(widths)}, median ratio {ratio:.2f}")


def _conditions(sampler: str, proposals: int) -> dict[str, str | int]:
    return {
        "sampler": sampler,
        "proposals_a_round": proposals,
        **machine(),
    }


if __name__ == "__main__":
    main()

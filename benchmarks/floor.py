"""How near large batches are to what one core can compute.

    python -m benchmarks.floor

GFLOP/s of training steps at the two largest batch sizes of the default study, beside those of a
product of two 1,024×1,024 matrices, on one thread; both take turns in every round, and medians
count. A multiply-add is two operations; a step has its forward pass's three times, but for the
first layer, whose inputs need no gradient. Prints a table.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import torch

from benchmarks.preparation import prepared_in
from models.anatomy import anatomy
from models.registry import network
from pipeline.calibration import Conditions, Rig, apart
from pipeline.images import load_prepared
from pipeline.settings_file import load_settings
from pipeline.study.places import PARAMS
from pipeline.trial import Cell

ROUNDS: Final = 7
_SIDE: Final = 1024
_SECONDS: Final = 0.3  # of measuring a step


@apart()
def main() -> None:
    """Measure and print."""
    settings = load_settings(PARAMS)
    with tempfile.TemporaryDirectory(prefix="floor-") as name:
        prepared = load_prepared(prepared_in(Path(name), settings.data))
    conditions = Conditions(settings.training)
    print("| model | batch size | GFLOP/s | of the matrix product's |\n|---|---|---|---|")
    for size in (256, len(prepared.train)):
        for model in settings.models:
            rig = Rig(Cell(model, size), "solo", 1, prepared, conditions)
            made = network(model).factory(prepared.task)
            costs = [
                layer.cost.multiply_adds for layer in anatomy(made, prepared.task) if layer.cost
            ]
            operations = 2 * size * (3 * sum(costs) - costs[0])
            rounds = [(operations / rig.step(_SECONDS) / 1e9, _product()) for _ in range(ROUNDS)]
            speed = statistics.median(own for own, _ in rounds)
            shares = [own / product for own, product in rounds]
            print(
                f"| {model} | {size:,} | {speed:.1f} | {statistics.median(shares):.2f} "
                f"({min(shares):.2f} to {max(shares):.2f}) |"
            )
    print(f"matrix product: {statistics.median(_product() for _ in range(ROUNDS)):.0f} GFLOP/s")


def _product() -> float:
    """GFLOP/s of a matrix product, by CPU time."""
    left, right = torch.randn(_SIDE, _SIDE), torch.randn(_SIDE, _SIDE)
    torch.mm(left, right)
    began = time.process_time()
    for _ in range(4):
        torch.mm(left, right)
    return 4 * 2 * _SIDE**3 / (time.process_time() - began) / 1e9


if __name__ == "__main__":
    main()

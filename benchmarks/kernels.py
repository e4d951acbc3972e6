"""Milliseconds per optimiser step and member: the stacked kernel at several widths against solo.

Run it with make bench. It prints a table and writes benchmarks/kernels.json with its conditions.
Every figure is a median over rounds in which all variants of a cell take turns, so that a noisy
machine disturbs them alike; `batchscope calibrate` measures a study's own cells the same way.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from pipeline.calibration import Conditions
from pipeline.images import Prepared, load_prepared
from pipeline.settings import DataSettings
from pipeline.settings_file import load_settings
from pipeline.study.calibrate import Effort, timed
from pipeline.study.places import PARAMS
from pipeline.trial import Cell, Kernel

MODELS = ("mlp", "dense", "local", "conv", "lenet")
BATCH_SIZES = (1, 16, 64, 256, 1347)
EFFORT = Effort(widths=(2, 12, 36), rounds=5, seconds=0.2)


@dataclass(frozen=True)
class Timing:
    """One variant of one cell; milliseconds per step and member."""

    model: str
    batch_size: int
    kernel: Kernel
    width: int
    median: float
    minimum: float
    maximum: float


def main() -> None:
    """Measure every cell and say where the figures went."""
    torch.set_num_threads(1)
    prepared = _digits()
    timings = [t for m in MODELS for size in BATCH_SIZES for t in _cell(prepared, m, size)]
    for timing in timings:
        print(
            f"{timing.model:6} B={timing.batch_size:<5} {timing.kernel:7} width {timing.width:<3}"
            f" {timing.median:8.3f} ms  ({timing.minimum:.3f} to {timing.maximum:.3f})"
        )
    path = Path(__file__).with_suffix(".json")
    content = {"conditions": conditions(), "timings": [asdict(timing) for timing in timings]}
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"written to {path}")


def _cell(prepared: Prepared, model: str, batch_size: int) -> list[Timing]:
    conditions = Conditions(load_settings(PARAMS).training)
    times = timed(Cell(model, batch_size), prepared, conditions, EFFORT)
    return [
        Timing(model, batch_size, t.kernel, t.members, *(
            1000 * value for value in (t.median, t.minimum, t.maximum)
        ))
        for t in times.timings
    ]  # fmt: skip


def _digits() -> Prepared:
    data = DataSettings(
        source=None,
        examples="all",
        dataset="digits",
        split_seed=0,
        validation_fraction=0.125,
        test_fraction=0.125,
    )
    with tempfile.TemporaryDirectory() as name:
        return load_prepared(prepared_in(Path(name), data))


def conditions() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        **machine(),
        "threads": torch.get_num_threads(),
        "rounds": EFFORT.rounds,
        "seconds_each": str(EFFORT.seconds),
    }


if __name__ == "__main__":
    main()

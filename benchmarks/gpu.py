"""What a GPU makes of cohorts: seconds per step and member, memory and utilisation by width.

    python -m benchmarks.gpu

Members of `conv` and `resnet8` train stacked on random 3×32×32 images, 1 to 512 at once, at
batch sizes 1 to 4,096; a width that no longer fits memory is said to be so. Prints a table and
writes benchmarks/gpu.json with its conditions. Without a GPU it says that nothing was measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.conditions import machine
from models.task import Task
from pipeline.calibration import Conditions, Rig
from pipeline.images import Prepared, Split
from pipeline.settings_file import load_settings
from pipeline.study.places import PARAMS
from pipeline.trial import Cell, Device

__all__ = ["Measured", "measured", "random_images"]

MODELS: Final = ("conv", "resnet8")
WIDTHS: Final = (1, 8, 64, 512)
BATCH_SIZES: Final = (1, 16, 256, 4096)
_SECONDS: Final = 1.0


@dataclass(frozen=True)
class Measured:
    """A number of members at a batch size.

    Attributes:
        model: Registered name.
        batch_size: Examples per step.
        width: Members.
        milliseconds: Of a step, per member; None where memory ran out.
        peak_gb: Most memory that tensors took; None on a CPU.
        utilisation: Percent of the time that the GPU was busy, at the end; None where not known.
    """

    model: str
    batch_size: int
    width: int
    milliseconds: float | None
    peak_gb: float | None
    utilisation: int | None


def main() -> None:
    """Measure and print, if there is a GPU."""
    if not torch.cuda.is_available():
        print("no GPU: what cohorts cost on one was not measured")
        return
    prepared = random_images(max(BATCH_SIZES))
    found = list(measured(prepared, "cuda", MODELS, BATCH_SIZES, WIDTHS))
    print("| model | batch size | width | ms per step and member | peak, GB | busy, % |")
    print("|---|---|---|---|---|---|")
    for one in found:
        time = "out of memory" if one.milliseconds is None else f"{one.milliseconds:.3g}"
        print(
            f"| {one.model} | {one.batch_size:,} | {one.width} | {time} | {one.peak_gb:.2f} | "
            f"{one.utilisation} |"
        )
    conditions = {**machine(), "gpu": torch.cuda.get_device_name()}
    content = {"conditions": conditions, "measured": [asdict(one) for one in found]}
    Path(__file__).with_suffix(".json").write_text(json.dumps(content, indent=1) + "\n")


def measured(
    prepared: Prepared,
    device: Device,
    models: Sequence[str],
    batch_sizes: Sequence[int],
    widths: Sequence[int],
    seconds: float = _SECONDS,
) -> Iterator[Measured]:
    """Measure every model, batch size and width.

    Yields:
        Figures, in order.
    """
    conditions = Conditions(load_settings(PARAMS).training, device)
    for model in models:
        for size in batch_sizes:
            for width in widths:
                yield _measure(prepared, conditions, Cell(model, size), width, seconds)


def _measure(
    prepared: Prepared, conditions: Conditions, cell: Cell, width: int, seconds: float
) -> Measured:
    on_gpu = conditions.device == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    try:
        rig = Rig(cell, "stacked", width, prepared, conditions)
        milliseconds = 1e3 * rig.step(seconds) / width
    except torch.OutOfMemoryError:
        milliseconds = None
    peak = torch.cuda.max_memory_allocated() / 1e9 if on_gpu else None
    busy = _utilisation() if on_gpu else None
    return Measured(cell.model, cell.batch_size, width, milliseconds, peak, busy)


def _utilisation() -> int | None:
    """Percent, as the driver has it; None where its Python package is not installed."""
    try:
        return torch.cuda.utilization()
    except ModuleNotFoundError:
        return None


def random_images(examples: int) -> Prepared:
    """Random images of 3×32×32 pixels and labels of ten classes; what they show is no matter."""
    random = np.random.default_rng(0)
    train, small = (
        Split(
            random.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8),
            random.integers(0, 10, count, dtype=np.int64),
        )
        for count in (examples, 64)
    )
    task = Task(channels=3, height=32, width=32, classes=10)
    return Prepared(task, train, small, small, (127.5,) * 3, (73.6,) * 3, "random")


if __name__ == "__main__":
    main()

"""Milliseconds per optimiser step and member: the stacked kernel at several widths against solo.

Run it with make bench. It prints a table and writes benchmarks/kernels.json with its conditions.
Every figure is a median over rounds in which all variants of a cell take turns, so that a noisy
machine disturbs them alike.
"""

from __future__ import annotations

import json
import platform
import statistics
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from models.registry import network
from pipeline.datasets import specification
from pipeline.images import Prepared, load_prepared, write_prepared
from pipeline.members import Members
from pipeline.resident import ResidentSplit
from pipeline.settings import DataSettings
from pipeline.streams import ExampleStream
from pipeline.trial import Kernel, Recipe, Trial

MODELS = ("mlp", "dense", "local", "conv", "lenet")
BATCH_SIZES = (1, 16, 64, 256, 1347)
VARIANTS: tuple[tuple[Kernel, int], ...] = (
    ("solo", 1),
    ("stacked", 2),
    ("stacked", 12),
    ("stacked", 36),
)
ROUNDS = 5
SECONDS = 0.2  # of one variant in one round


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
    rounds: dict[tuple[Kernel, int], list[float]] = {variant: [] for variant in VARIANTS}
    for _ in range(ROUNDS):
        for kernel, width in VARIANTS:
            spent = _time(prepared, model, batch_size, kernel, width)
            rounds[kernel, width].append(spent)
    return [
        Timing(model, batch_size, kernel, width, statistics.median(t), min(t), max(t))
        for (kernel, width), t in rounds.items()
    ]


def _time(prepared: Prepared, model: str, batch_size: int, kernel: Kernel, width: int) -> float:
    trained = network(model)
    trials = [Trial(model, batch_size, 0, 0.001 * 1.01**i) for i in range(width)]
    members = Members(
        [trained.factory(prepared.task)], [0] * width, trials, trained.objective, recipe(kernel),
        max(2, width),
    )  # fmt: skip
    split = ResidentSplit(prepared.train, prepared, torch.device("cpu"), torch.float32)
    stream = ExampleStream(len(prepared.train), batch_size, "epoch", seed=0, replicate=0)
    block = stream.block(0, 2)[:, None]
    lane = members.lanes[0]
    lane.train(split, block)
    steps, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < SECONDS:
        lane.train(split, block)
        steps += len(block)
    return 1000 * spent / steps / width


def recipe(kernel: Kernel) -> Recipe:
    """A recipe of plain SGD under a kernel."""
    return Recipe(
        seed=0, order="epoch", optimiser="sgd", nesterov=False, kernel=kernel,
        precision="32-true", device="cpu", max_steps=10, landmarks=(), evaluation_ratio=1.1,
        evaluation_batch_size=512, evaluate_test=False, quantity="error", goal=None, race=None,
    )  # fmt: skip


def _digits() -> Prepared:
    data = DataSettings(
        dataset="digits", split_seed=0, validation_fraction=0.125, test_fraction=0.125
    )
    with tempfile.TemporaryDirectory() as name:
        raw, folder = Path(name) / "raw", Path(name) / "prepared"
        raw.mkdir()
        folder.mkdir()
        digits = specification("digits")
        digits.fetch(raw)
        write_prepared(folder, data, digits.read(raw))
        return load_prepared(folder)


def conditions() -> dict[str, str | int]:
    """What the figures were measured on."""
    return {
        "machine": platform.machine(),
        "processor": platform.processor(),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "rounds": ROUNDS,
        "seconds_each": str(SECONDS),
    }


if __name__ == "__main__":
    main()

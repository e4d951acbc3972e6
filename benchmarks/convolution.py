"""The network conv on the project's convolution layer against the same network on torch.nn.Conv2d.

Run it with python -m benchmarks.convolution. It prints a table and writes
benchmarks/convolution.json with its conditions. In every round the two variants of a cell take
turns, and the speed is the median over rounds of their ratio, so that a noisy machine disturbs both
alike.
"""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.kernels import conditions
from models.layers.geometry import Pair
from models.registry import network
from models.skeleton import KERNEL, skeleton
from models.task import Task
from pipeline.images import Prepared, Split
from pipeline.members import Members
from pipeline.resident import ResidentSplit
from pipeline.streams import ExampleStream
from pipeline.trial import Kernel, Recipe, Trial

SIDES = (8, 28)  # pixels of the images
BATCH_SIZES = (8, 256)
KERNELS: tuple[tuple[Kernel, int], ...] = (("solo", 1), ("stacked", 32))
ROUNDS = 7
SECONDS = 0.3  # of one variant in one round, at least
EXAMPLES = 512
OURS, TORCHS = "conv", "benchmarks.convolution:conv_on_torch"
VARIANTS = (OURS, TORCHS)


@dataclass(frozen=True)
class Comparison:
    """One cell; milliseconds of CPU time per step and member, and our speed over torch's."""

    side: int
    batch_size: int
    kernel: Kernel
    width: int
    ours: float
    torchs: float
    speed: float
    slowest: float
    fastest: float


def conv_on_torch(task: Task) -> nn.Module:
    """The network conv with torch.nn.Conv2d in place of Convolution2d."""
    return skeleton("conv_on_torch", task, _layer)


def main() -> None:
    """Measure every cell and say where the figures went."""
    torch.set_num_threads(1)
    found: list[Comparison] = []
    for side in SIDES:
        for batch_size in BATCH_SIZES:
            for kernel, width in KERNELS:
                cell = _compare(side, batch_size, kernel, width)
                found.append(cell)
                print(
                    f"{side:>2}×{side:<2} B={batch_size:<4} {kernel:7} width {width:<3}"
                    f" ours {cell.ours:8.3f} ms, torch's {cell.torchs:8.3f} ms,"
                    f" speed {cell.speed:.2f} ({cell.slowest:.2f} to {cell.fastest:.2f})",
                    flush=True,
                )
    path = Path(__file__).with_suffix(".json")
    stored = {
        "conditions": conditions()
        | {"rounds": ROUNDS, "seconds_each": str(SECONDS), "clock": "CPU time"},
        "comparisons": [asdict(cell) for cell in found],
    }
    path.write_text(json.dumps(stored, indent=1) + "\n")
    print(f"written to {path}")


def _layer(ins: int, outs: int, image: Pair) -> nn.Module:
    del image
    return nn.Conv2d(ins, outs, KERNEL, padding="same")


def _compare(side: int, batch_size: int, kernel: Kernel, width: int) -> Comparison:
    prepared = _noise(side)
    steppers = {name: _Stepper(name, prepared, batch_size, kernel, width) for name in VARIANTS}
    rounds: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for turn in range(ROUNDS):
        for name in VARIANTS if turn % 2 else VARIANTS[::-1]:
            rounds[name].append(steppers[name].milliseconds())
    speeds = [theirs / ours for ours, theirs in zip(rounds[OURS], rounds[TORCHS], strict=True)]
    return Comparison(
        side, batch_size, kernel, width, statistics.median(rounds[OURS]),
        statistics.median(rounds[TORCHS]), statistics.median(speeds), min(speeds), max(speeds),
    )  # fmt: skip


class _Stepper:
    """Trains one variant, as a cohort's lane does."""

    def __init__(
        self, name: str, prepared: Prepared, batch_size: int, kernel: Kernel, width: int
    ) -> None:
        trained = network(name)
        trials = [Trial(name, batch_size, 0, 0.001 * 1.01**i) for i in range(width)]
        members = Members(
            [trained.factory(prepared.task)], [0] * width, trials, trained.objective,
            _recipe(kernel), max(2, width),
        )  # fmt: skip
        self._lane = members.lanes[0]
        self._split = ResidentSplit(prepared.train, prepared, torch.device("cpu"), torch.float32)
        stream = ExampleStream(len(prepared.train), batch_size, "epoch", seed=0, replicate=0)
        self._block = stream.block(0, 2)[:, None]
        self._width = width
        self._lane.train(self._split, self._block)

    def milliseconds(self) -> float:
        """CPU time of its one thread per step and member; what others run counts only by caches."""
        steps, began = 0, time.process_time()
        while (spent := time.process_time() - began) < SECONDS:
            self._lane.train(self._split, self._block)
            steps += len(self._block)
        return 1000 * spent / steps / self._width


def _recipe(kernel: Kernel) -> Recipe:
    return Recipe(
        seed=0, order="epoch", optimiser="sgd", nesterov=False, kernel=kernel,
        precision="32-true", device="cpu", max_steps=10, landmarks=(), evaluation_ratio=1.1,
        evaluation_batch_size=512, evaluate_test=False, quantity="error", goal=None, race=None,
    )  # fmt: skip


def _noise(side: int) -> Prepared:
    """Images of random pixels: what they show changes no time."""
    generator = np.random.default_rng(0)
    split = Split(
        generator.integers(0, 256, (EXAMPLES, 1, side, side), dtype=np.uint8),
        generator.integers(0, 10, EXAMPLES, dtype=np.int64),
    )
    return Prepared(Task(1, side, side, 10), split, split, split, (127.5,), (73.9,), "noise")


if __name__ == "__main__":
    main()

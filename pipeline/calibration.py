"""How long an optimiser step takes: a cell, a kernel and a number of members, on this device.

What is timed is what training does: gathering a step's examples, forward, backward, update. Not
timed are evaluations (`seconds_per_evaluation`), and Lightning's cost per block. On a CPU it is CPU
time that counts: what a core of one's own would take, whatever else the machine is doing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from models.registry import network
from pipeline.allocator import keep_freed_memory
from pipeline.images import Prepared
from pipeline.members import Members
from pipeline.resident import ResidentSplit
from pipeline.settings import TrainingSettings
from pipeline.streams import ExampleStream
from pipeline.threads import one_thread
from pipeline.trial import Cell, Device, Kernel, Recipe, Trial

__all__ = ["Conditions", "Rig", "apart", "seconds_per_evaluation", "seconds_per_step"]

_LEARNING_RATE = 1e-4  # so small that no weights run away, whose infinities compute at other speeds
_MOST_STEPS = 32  # of one block


@dataclass(frozen=True)
class Conditions:
    """What changes a step's time besides cell, kernel and members.

    Attributes:
        training: Optimiser, precision and evaluation batch size.
        device: Kind of device to measure on.
    """

    training: TrainingSettings
    device: Device = "cpu"

    def recipe(self, kernel: Kernel) -> Recipe:
        """A recipe whose budget, goal and evaluations nothing here looks at."""
        training = self.training
        return Recipe(
            seed=training.seed,
            order=training.order,
            kernel=kernel,
            precision=training.precision,
            device=self.device,
            max_steps=1,
            landmarks=(),
            evaluation_ratio=training.evaluation.ratio,
            evaluation_batch_size=training.evaluation.batch_size,
            evaluate_test=False,
            quantity="error",
            goal=None,
            race=None,
            **training.rule(),
        )


class Rig:
    """Members of one cell, ready to be timed.

    Args:
        cell: Model and batch size.
        kernel: How they compute.
        members: How many; under the solo kernel they take turns.
        prepared: Data to train on.
        conditions: The rest.
        clock: What counts on a CPU, in seconds; by default its own time. On a GPU it is the time
            of day.
    """

    def __init__(
        self,
        cell: Cell,
        kernel: Kernel,
        members: int,
        prepared: Prepared,
        conditions: Conditions,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._cpu_clock = clock or time.process_time
        training = conditions.training
        recipe = conditions.recipe(kernel)
        self._device = torch.device(conditions.device)
        dtype = torch.float64 if recipe.precision == "64-true" else torch.float32
        trained = network(cell.model)
        trials = [
            Trial(cell.model, cell.batch_size, 0, _LEARNING_RATE * (1 + i / 1000),
                  training.momentum, training.weight_decay)
            for i in range(members)
        ]  # fmt: skip
        module = trained.factory(prepared.task).to(self._device, dtype)
        width = max(2, members)
        self._members = Members([module], [0] * members, trials, trained.objective, recipe, width)
        self._train, self._validation = (
            ResidentSplit(split, prepared, self._device, dtype)
            for split in (prepared.train, prepared.validation)
        )
        self._stream = ExampleStream(
            len(prepared.train), cell.batch_size, recipe.order, seed=recipe.seed, replicate=0
        )
        self._evaluation_batch_size = recipe.evaluation_batch_size

    def step(self, seconds: float) -> float:
        """Seconds that one optimiser step of all members takes, the mean over a while.

        Args:
            seconds: How long to measure, past a first step that only warms up. A step that takes
                longer than that is measured once.

        Returns:
            The seconds.
        """
        first = self._timed(lambda: self._advance(1))
        steps = max(1, min(_MOST_STEPS, int(seconds / 4 / first)))
        return self._mean(lambda: self._advance(steps), seconds) / steps

    def evaluation(self, seconds: float) -> float:
        """Seconds that one evaluation of all members on the validation split takes.

        Args:
            seconds: How long to measure, past a first one that only warms up.

        Returns:
            The seconds.
        """
        self._timed(self._evaluate)
        return self._mean(self._evaluate, seconds)

    def _advance(self, steps: int) -> None:
        block = self._stream.block(0, steps)[:, None].to(self._device)
        for lane in self._members.lanes:
            lane.train(self._train, block)

    def _evaluate(self) -> None:
        for lane in self._members.lanes:
            lane.evaluate(self._validation, self._evaluation_batch_size)

    def _mean(self, work: Callable[[], None], seconds: float) -> float:
        spent, times = 0.0, 0
        while spent < seconds or not times:
            spent += self._timed(work)
            times += 1
        return spent / times

    def _timed(self, work: Callable[[], None]) -> float:
        began = self._clock()
        work()
        return self._clock() - began

    def _clock(self) -> float:
        if self._device.type == "cuda":  # which computes behind Python's back
            torch.cuda.synchronize()
            return time.perf_counter()
        return self._cpu_clock()


def seconds_per_step(
    model: str,
    batch_size: int,
    kernel: Kernel,
    members: int,
    prepared: Prepared,
    conditions: Conditions,
    *,
    seconds: float = 0.3,
) -> float:
    """Seconds that one optimiser step of all members takes, on one thread as in a worker.

    Args:
        model: As in params.yaml.
        batch_size: Examples per step.
        kernel: How they compute.
        members: Trained side by side; under the solo kernel they take turns.
        prepared: Data to train on.
        conditions: The rest.
        seconds: How long to measure, about.

    Returns:
        The seconds; divide by ``members`` for a member's share.
    """
    with apart():
        rig = Rig(Cell(model, batch_size), kernel, members, prepared, conditions)
        return rig.step(seconds)


def seconds_per_evaluation(
    model: str,
    kernel: Kernel,
    members: int,
    prepared: Prepared,
    conditions: Conditions,
    *,
    seconds: float = 0.1,
) -> float:
    """Seconds that one evaluation of all members on the validation split takes, on one thread.

    Args:
        model: As in params.yaml.
        kernel: How they compute.
        members: Evaluated side by side.
        prepared: Data to evaluate on.
        conditions: The rest.
        seconds: How long to measure, about.

    Returns:
        The seconds.
    """
    with apart():
        return Rig(Cell(model, 1), kernel, members, prepared, conditions).evaluation(seconds)


@contextmanager
def apart() -> Generator[None]:
    """One thread and freed memory kept, as in a worker; random numbers that nobody else misses.

    Yields:
        Nothing.
    """
    keep_freed_memory()
    with one_thread(), torch.random.fork_rng(devices=[]):  # pyright: ignore[reportUnknownMemberType]
        yield

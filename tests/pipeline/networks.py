"""Networks that only tests train, named as users name theirs: tests.pipeline.networks:factory."""

from __future__ import annotations

import multiprocessing
import os
import signal
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

from models.layers.convolution import Convolution2d
from models.registry import declare
from models.task import CLASSIFICATION, Task

ORPHANS_SECONDS = 300


@declare(objective=CLASSIFICATION, couples_examples=True)
def batch_norm(task: Task) -> nn.Module:
    """A CNN whose last maps are 1×1 and batch-normalised: infeasible at batch size 1."""
    return nn.Sequential(
        nn.Conv2d(task.channels, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.BatchNorm2d(4),
        nn.Flatten(),
        nn.Linear(4, task.classes),
    )


def linear(task: Task) -> nn.Module:
    """Softmax regression."""
    return nn.Sequential(nn.Flatten(), nn.Linear(task.pixels, task.classes))


@declare(objective=CLASSIFICATION, stochastic=True)
def dropout(task: Task) -> nn.Module:
    """An MLP with dropout."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(task.pixels, 16),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(16, task.classes),
    )


class _Centred(nn.Module):
    """Subtracts a running mean of its inputs that forward assigns anew."""

    mean: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(()))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            self.mean = 0.9 * self.mean + 0.1 * images.detach().mean()
        return images - self.mean


@declare(objective=CLASSIFICATION, couples_examples=True)
def running_mean(task: Task) -> nn.Module:
    """Softmax regression on centred images."""
    return nn.Sequential(_Centred(), nn.Flatten(), nn.Linear(task.pixels, task.classes))


class _Explosive(nn.Module):
    def __init__(self, task: Task, error: type[Exception]) -> None:
        super().__init__()
        self.read_out = nn.Linear(task.pixels, task.classes)
        self.error = error

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        if self.training:
            raise self.error("as the test wants it")
        return self.read_out(images.flatten(1))


def faulty(task: Task) -> nn.Module:
    """Breaks in the first training step."""
    return _Explosive(task, ArithmeticError)


def hungry(task: Task) -> nn.Module:
    """Runs out of memory in the first training step."""
    return _Explosive(task, torch.OutOfMemoryError)


def lives_of(driver: int) -> Path:
    """Of which `deadly` takes one a time. Workers share no environment that a test could set."""
    return Path(tempfile.gettempdir()) / f"batchscope-lives-{driver}"


def _driver() -> int:
    driver = multiprocessing.parent_process()
    assert driver
    assert driver.pid
    return driver.pid


def deadly(task: Task) -> nn.Module:
    """Kills the worker that makes it, as often as its driver's `lives` file has bytes."""
    lives = lives_of(_driver())
    if left := lives.read_bytes():
        lives.write_bytes(left[1:])
        os.kill(os.getpid(), signal.SIGKILL)
    return linear(task)


def orphan_of(driver: int) -> Path:
    """Where `forking` writes the process id of what it left behind."""
    return Path(tempfile.gettempdir()) / f"batchscope-orphan-{driver}"


def forking(task: Task) -> nn.Module:
    """Ends the first worker that makes it, whose line to the driver a forked process then holds."""
    orphan = orphan_of(_driver())
    if not orphan.exists():
        if not (child := os.fork()):
            time.sleep(ORPHANS_SECONDS)
            os._exit(0)
        orphan.write_text(str(child))
        os._exit(9)
    return linear(task)


def narrowing(task: Task) -> nn.Module:
    """Two convolutions without padding: impossible on images of fewer than 5 pixels a side."""
    return nn.Sequential(
        Convolution2d(task.channels, 2, 3),
        Convolution2d(2, 2, 3),
        nn.Flatten(),
        nn.Linear(2 * max(1, (task.height - 4) * (task.width - 4)), task.classes),
    )


class _Once(torch.autograd.Function):
    """The identity, with a derivative that has none."""

    @staticmethod
    def forward(ctx: object, values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():
            raise ArithmeticError("differentiable once")
        return gradient


class _Rough(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return _Once.apply(values)


def once_differentiable(task: Task) -> nn.Module:
    """Softmax regression that trains solo, and has neither vmap nor second derivatives."""
    return nn.Sequential(nn.Flatten(), nn.Linear(task.pixels, task.classes), _Rough())


class _OnceUnderVmap(torch.autograd.Function):
    """The same, which vmap takes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: torch.Tensor) -> torch.Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: object, inputs: object, output: object) -> None:
        pass

    backward = _Once.backward


class _Kinked(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return _OnceUnderVmap.apply(values)


def without_curvature(task: Task) -> nn.Module:
    """Softmax regression that has vmap and no second derivatives."""
    return nn.Sequential(nn.Flatten(), nn.Linear(task.pixels, task.classes), _Kinked())

"""What every contestant is asked to train, and how it is asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import torch
from torch import Tensor, nn

from models.layers.pooling import MaxPool2d
from models.registry import network
from pipeline.images import Prepared, Split, load_prepared

__all__ = ["LEARNING_RATE", "Job", "Tensors", "answer", "network_of", "told"]

LEARNING_RATE: Final = 0.01
"""Small enough for every network to train: one that diverges would be cheaper than it is."""


@dataclass(frozen=True)
class Job:
    """One trial.

    Attributes:
        model: Registered name.
        batch_size: Examples per step.
        steps: Optimiser steps.
        evaluations: Of the validation split, the last of them after the last step.
    """

    model: str
    batch_size: int
    steps: int
    evaluations: int

    @property
    def every(self) -> int:
        """Steps between evaluations that are evenly spaced."""
        return max(1, self.steps // self.evaluations)


@dataclass(frozen=True)
class Tensors:
    """A split in memory, normalised: images [N, C, H, W] and labels [N]."""

    images: Tensor
    labels: Tensor

    @staticmethod
    def of(split: Split, prepared: Prepared) -> Tensors:
        """Normalise a split as the pipeline does."""
        mean, std = (torch.tensor(v)[:, None, None] for v in (prepared.mean, prepared.std))
        images = (torch.tensor(split.images).float() - mean) / std
        return Tensors(images.float(), torch.tensor(split.labels))


def network_of(job: Job, prepared: Prepared) -> nn.Module:
    """The job's network with torch's own pooling, as one would write it without batchscope."""
    made = network(job.model).factory(prepared.task)
    for owner in list(made.modules()):
        for name, layer in owner.named_children():
            if isinstance(layer, MaxPool2d):
                setattr(owner, name, nn.MaxPool2d(2))
    return made


def answer(train: Callable[[Job, Prepared, Path], None]) -> None:
    """Be a process that trains jobs one after the other, and prints the seconds of each.

    Arguments of the process are the folder of the prepared data, one to write into and the jobs as
    JSON. A first job, not counted, warms up.

    Args:
        train: Trains one job with the data, and writes into the folder.
    """
    prepared, folder = load_prepared(Path(sys.argv[1])), Path(sys.argv[2])
    jobs = [Job(**job) for job in json.loads(sys.argv[3])]
    train(replace(jobs[0], steps=1, evaluations=1), prepared, folder)
    seconds: list[float] = []
    for job in jobs:
        began = time.perf_counter()
        train(job, prepared, folder)
        seconds.append(time.perf_counter() - began)
    print(json.dumps(seconds))


def told(jobs: list[Job]) -> str:
    """Jobs as `answer` reads them."""
    return json.dumps([asdict(job) for job in jobs])

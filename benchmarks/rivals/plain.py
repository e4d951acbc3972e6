"""By hand: tensors in memory, a loop, one thread, nothing tracked."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from benchmarks.rivals.jobs import LEARNING_RATE, Job, Tensors, answer, network_of
from pipeline.images import Prepared


def train(job: Job, prepared: Prepared, folder: Path) -> None:
    """Train one job; ``folder`` stays empty."""
    del folder
    train, validation = (Tensors.of(s, prepared) for s in (prepared.train, prepared.validation))
    model = network_of(job, prepared)
    optimiser = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    loss_of = nn.CrossEntropyLoss()
    order, at = torch.randperm(len(train.labels)), 0
    for step in range(1, job.steps + 1):
        if at + job.batch_size > len(order):  # what is left would make a smaller batch
            order, at = torch.randperm(len(train.labels)), 0
        batch = order[at : at + job.batch_size]
        at += job.batch_size
        optimiser.zero_grad()
        loss_of(model(train.images[batch]), train.labels[batch]).backward()
        optimiser.step()
        if step % job.every == 0:
            _validate(model, validation)


@torch.no_grad()
def _validate(model: nn.Module, split: Tensors) -> float:
    model.eval()
    wrong = sum(
        (model(images).argmax(dim=1) != labels).sum().item()
        for images, labels in zip(split.images.split(512), split.labels.split(512), strict=True)
    )
    model.train()
    return wrong / len(split.labels)


if __name__ == "__main__":
    torch.set_num_threads(1)
    answer(train)

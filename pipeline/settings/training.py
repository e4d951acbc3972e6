"""The branch `training` of params.yaml: the optimiser and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from pipeline.conflicts import Conflict
from pipeline.settings.branch import Branch, Count, Seed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EvaluationSettings", "KernelSettings", "TrainingSettings"]


class KernelSettings(Branch):
    """Which cells train stacked: those of at most a batch size."""

    stacked_up_to: Annotated[int, Field(ge=0)]
    overrides: dict[str, Annotated[int, Field(ge=0)]]

    def threshold(self, model: str) -> int:
        """Largest batch size of ``model`` that trains stacked."""
        return self.overrides.get(model, self.stacked_up_to)


class EvaluationSettings(Branch):
    """When and how a trial is evaluated."""

    ratio: Annotated[float, Field(gt=1, le=2)]
    batch_size: Count


class TrainingSettings(Branch):
    """The optimiser, its random streams and where it runs."""

    optimiser: Literal["sgd"]
    momentum: Annotated[float, Field(ge=0, lt=1)]
    nesterov: bool
    weight_decay: Annotated[float, Field(ge=0)]
    order: Literal["epoch", "iid"]
    seed: Seed
    kernel: KernelSettings
    cohort_width: Annotated[int, Field(ge=2)]
    accelerator: Literal["auto", "cpu", "gpu"]
    precision: Literal["32-true", "64-true"]
    workers: Count | Literal["auto"]
    evaluation: EvaluationSettings

    def _conflicts(self) -> Iterator[Conflict]:
        if self.nesterov and self.momentum == 0:
            yield Conflict(
                ("nesterov",),
                "momentum is 0 and cannot look ahead; set momentum above 0 or nesterov to false",
            )

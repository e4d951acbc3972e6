"""The branch `training` of params.yaml: the optimiser and where it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from pipeline.conflicts import Conflict
from pipeline.settings.branch import Branch, Count, Seed

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "AdamSettings",
    "EvaluationSettings",
    "KernelSettings",
    "ScheduleSettings",
    "TrainingSettings",
]

Share = Annotated[float, Field(ge=0, lt=1)]


class KernelSettings(Branch):
    """Which cells train stacked: those of at most a batch size."""

    stacked_up_to: Annotated[int, Field(ge=0)]
    overrides: dict[str, Annotated[int, Field(ge=0)]]

    def threshold(self, model: str) -> int:
        """Largest batch size of ``model`` that trains stacked."""
        return self.overrides.get(model, self.stacked_up_to)


class AdamSettings(Branch):
    """Constants of adam and adamw."""

    beta1: Share
    beta2: Share
    epsilon: Annotated[float, Field(gt=0)]


class ScheduleSettings(Branch):
    """How the learning rate changes over a trial's budget; shares, as budgets are in steps."""

    shape: Literal["constant", "linear", "cosine"]
    warmup: Share
    final: Annotated[float, Field(ge=0, le=1)]


class EvaluationSettings(Branch):
    """When and how a trial is evaluated."""

    ratio: Annotated[float, Field(gt=1, le=2)]
    batch_size: Count


class TrainingSettings(Branch):
    """The optimiser, its random streams and where it runs."""

    optimiser: Literal["sgd", "adam", "adamw"]
    momentum: Share
    nesterov: bool
    weight_decay: Annotated[float, Field(ge=0)]
    adam: AdamSettings
    schedule: ScheduleSettings
    order: Literal["epoch", "iid"]
    seed: Seed
    kernel: KernelSettings
    cohort_width: Annotated[int, Field(ge=2)]
    accelerator: Literal["auto", "cpu", "gpu"]
    precision: Literal["32-true", "64-true"]
    workers: Count | Literal["auto"]
    evaluation: EvaluationSettings

    def rule(self) -> dict[str, Any]:
        """Fields of a recipe that say how weights are updated.

        What the rule does not use is left out, and so is in no fingerprint.
        """
        used: dict[str, Any] = {"optimiser": self.optimiser, "nesterov": self.nesterov}
        if self.optimiser != "sgd":
            used |= self.adam.model_dump()
        used |= {"schedule": self.schedule.shape, "warmup": self.schedule.warmup}
        return used | ({"final": self.schedule.final} if self.schedule.shape != "constant" else {})

    def _conflicts(self) -> Iterator[Conflict]:
        if self.optimiser != "sgd":
            for key, value in (("momentum", self.momentum), ("nesterov", self.nesterov)):
                if value:
                    yield Conflict(
                        (key,),
                        f"{self.optimiser} has averages of its own (training.adam) in momentum's "
                        f"place; write {key}: {'0.0' if key == 'momentum' else 'false'}, or "
                        "optimiser: sgd",
                    )
        elif self.nesterov and self.momentum == 0:
            yield Conflict(
                ("nesterov",),
                "momentum is 0 and cannot look ahead; set momentum above 0 or nesterov to false",
            )

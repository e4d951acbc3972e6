"""The whole of params.yaml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.conflicts import Conflict, repeated
from pipeline.settings.branch import Branch
from pipeline.settings.confirm import AnalysisSettings, ConfirmSettings
from pipeline.settings.data import DataSettings
from pipeline.settings.sweep import SweepSettings
from pipeline.settings.tracking import TrackingSettings
from pipeline.settings.training import TrainingSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Settings"]


class Settings(Branch):
    """The whole of params.yaml."""

    data: DataSettings
    models: Annotated[
        tuple[Annotated[str, Field(examples=["mlp"])], ...], Field(min_length=1, strict=False)
    ]
    sweep: SweepSettings
    training: TrainingSettings
    confirm: ConfirmSettings
    analysis: AnalysisSettings
    tracking: TrackingSettings

    def with_goals(self, levels: tuple[float, ...]) -> Settings:
        """The same with goals as numbers."""
        goals = self.sweep.goals.model_copy(update={"levels": levels})
        return self.model_copy(update={"sweep": self.sweep.model_copy(update={"goals": goals})})

    def _conflicts(self) -> Iterator[Conflict]:
        yield from repeated("models", self.models)
        sizes = self.sweep.batch_sizes
        if self.confirm.reference_batch_size not in {*sizes, "middle"}:
            choices = ", ".join(map(str, sizes))
            yield Conflict(
                ("confirm", "reference_batch_size"),
                f"sweep.batch_sizes lacks it; choose one of {choices}, or write middle",
            )
        if self.training.optimiser != "sgd" and "momentum" in self.sweep.hyperparameters:
            yield Conflict(
                ("sweep", "hyperparameters", "momentum"),
                f"training.optimiser is {self.training.optimiser}, which has none; remove it, or "
                "make optimiser sgd",
            )
        for model in self.training.kernel.overrides:
            if model not in self.models:
                yield Conflict(
                    ("training", "kernel", "overrides", model),
                    "models lacks this one; remove it or add it to models",
                )

"""The branch `tracking` of params.yaml: where runs are mirrored to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from pipeline.conflicts import Conflict
from pipeline.settings.addresses import (
    RUNS,
    RUNS_REMEDY,
    STUDIES,
    STUDIES_REMEDY,
    database,
    runs_problem,
    studies_problem,
)
from pipeline.settings.branch import Branch

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["TrackingSettings"]


class TrackingSettings(Branch):
    """Where runs are mirrored to."""

    mlflow: bool
    uri: Annotated[str, Field(min_length=1)] | None
    experiment: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,99}$",
            description="1 to 100 letters, digits, spaces, dots, dashes or underscores, "
            "a letter or digit first",
            examples=["batchscope"],
        ),
    ]
    optuna: bool
    storage: Annotated[str, Field(min_length=1)] | None

    def _conflicts(self) -> Iterator[Conflict]:
        if self.mlflow and self.uri and (problem := runs_problem(self.uri)):
            yield Conflict(("uri",), f"{problem}; {RUNS_REMEDY}")
        if self.optuna and self.storage and (problem := studies_problem(self.storage)):
            yield Conflict(("storage",), f"{problem}; {STUDIES_REMEDY}")
        both = self.mlflow and self.optuna
        if both and database(self.uri or RUNS) == database(self.storage or STUDIES):
            broken = "and the two programs break each other in one"
            if self.storage:
                yield Conflict(("storage",), f"MLflow's database too, {broken}; {STUDIES_REMEDY}")
            else:
                yield Conflict(("uri",), f"Optuna's database too, {broken}; {RUNS_REMEDY}")

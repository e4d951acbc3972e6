"""The branch `tracking` of params.yaml: where runs are mirrored to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.settings.branch import Branch

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

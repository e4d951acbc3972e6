"""A network as a folder in MLflow's model format: pt2, signature, input example."""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from mlflow import pytorch  # pyright: ignore[reportPrivateImportUsage]
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.types import Schema, TensorSpec

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

__all__ = ["save_model", "stamped"]


def save_model(
    folder: Path, network: nn.Module, example: NDArray[np.float32], outputs: int
) -> None:
    """Write a network so that `mlflow.pyfunc.load_model` and `mlflow.pytorch.load_model` read it.

    Args:
        folder: To be made.
        network: In evaluation mode.
        example: Input of two examples or more: the batch size of a single one would be fixed.
        outputs: Numbers per example that come out.
    """
    assert len(example) > 1
    floating = np.dtype(np.float32)
    signature = ModelSignature(
        Schema([TensorSpec(floating, (-1, *example.shape[1:]))]),
        Schema([TensorSpec(floating, (-1, outputs))]),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of MLflow's modules for language models, as they load
        pytorch.save_model(  # pyright: ignore[reportUnknownMemberType]
            network,
            folder,
            signature=signature,
            input_example=example,  # as numpy: with a tensor MLflow leaves its pyfunc flavor out
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "torch", "numpy")],
            serialization_format="pt2",
        )


def stamped(folder: Path, identifier: str) -> Path:
    """Say which logged model a folder holds: MLflow names one only when its files are to come.

    Args:
        folder: Of `save_model`.
        identifier: Of the logged model.

    Returns:
        The folder.
    """
    model = Model.load(str(folder))  # pyright: ignore[reportUnknownMemberType]
    model.model_id = model.model_uuid = identifier
    model.save(str(folder / MLMODEL_FILE_NAME))  # pyright: ignore[reportUnknownMemberType]
    return folder

"""Mirrors of the ledger: every trial as an MLflow run, and a null twin.

Importing this package is cheap: mlflow itself is imported by `MlflowMirror.open`.
"""

from __future__ import annotations

from pipeline.tracking.address import TrackingError, tracking_uri
from pipeline.tracking.guarded import Guarded
from pipeline.tracking.mirror import Mirror, NullMirror
from pipeline.tracking.mlflow_mirror import MlflowMirror

__all__ = ["Guarded", "Mirror", "MlflowMirror", "NullMirror", "TrackingError", "tracking_uri"]

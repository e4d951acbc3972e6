"""The MLflow mirror: every trial of the ledger as an MLflow run, and its null twin.

Importing this package is cheap: mlflow itself is imported by `MlflowMirror.open`.
"""

from __future__ import annotations

from pipeline.tracking.address import TrackingError, tracking_uri
from pipeline.tracking.mirror import Mirror, MlflowMirror, NullMirror
from pipeline.tracking.mirrors import Mirrors

__all__ = ["Mirror", "Mirrors", "MlflowMirror", "NullMirror", "TrackingError", "tracking_uri"]

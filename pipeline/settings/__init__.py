"""The settings of a study: params.yaml as a frozen, strict tree, a branch a file."""

from __future__ import annotations

from pipeline.settings.branch import MAX_REPLICATES, PILOT_REPLICATES
from pipeline.settings.confirm import AnalysisSettings, ConfirmSettings, ProbeSettings, Rule
from pipeline.settings.data import DataSettings
from pipeline.settings.sweep import (
    Budget,
    ExpandSettings,
    Goals,
    LearningRates,
    Range,
    SearchSettings,
    SweepSettings,
)
from pipeline.settings.tracking import TrackingSettings
from pipeline.settings.training import (
    AdamSettings,
    EvaluationSettings,
    KernelSettings,
    ScheduleSettings,
    TrainingSettings,
)
from pipeline.settings.tree import Settings

__all__ = [
    "MAX_REPLICATES",
    "PILOT_REPLICATES",
    "AdamSettings",
    "AnalysisSettings",
    "Budget",
    "ConfirmSettings",
    "DataSettings",
    "EvaluationSettings",
    "ExpandSettings",
    "Goals",
    "KernelSettings",
    "LearningRates",
    "ProbeSettings",
    "Range",
    "Rule",
    "ScheduleSettings",
    "SearchSettings",
    "Settings",
    "SweepSettings",
    "TrackingSettings",
    "TrainingSettings",
]

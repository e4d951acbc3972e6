"""Every estimator's docstring names its source (docs/science.md)."""

from __future__ import annotations

import importlib
import inspect
import re
from dataclasses import is_dataclass

import pytest

ESTIMATORS = [
    "estimates",
    "finickiness.choice_noise",
    "finickiness.window",
    "fixed_budget",
    "hyperbola",
    "hyperbola_fit",
    "replicates",
    "shape_free",
    "smooth_curve",
    "intervals",
    "observations",
    "scaling_rules",
    "steps_to_goal",
    "trade_off",
    "tuning",
    "verdict",
]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_estimator_cites_its_source(name: str) -> None:
    module = importlib.import_module(f"pipeline.{name}")
    public = [getattr(module, each) for each in module.__all__]
    named = [each for each in public if inspect.isfunction(each) or inspect.isclass(each)]
    estimators = [
        each for each in named
        if not is_dataclass(each) and not (inspect.isclass(each) and issubclass(each, tuple))
    ]  # fmt: skip
    assert estimators
    for each in estimators:
        assert re.search(r"Source:\s", inspect.getdoc(each) or ""), each.__name__

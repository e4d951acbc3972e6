"""Made-up results of races, mirrors of them, and what MLflow shows."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.tracking import MlflowMirror
from pipeline.tracking.runs import Data
from pipeline.trial import Race, Recipe, Trial

RECIPE = Recipe(
    seed=0,
    order="epoch",
    optimiser="sgd",
    nesterov=False,
    kernel="stacked",
    precision="32-true",
    device="cpu",
    max_steps=400,
    landmarks=(200, 400),
    evaluation_ratio=1.1,
    evaluation_batch_size=512,
    evaluate_test=False,
    quantity="error",
    goal=0.05,
    race=4.0,
)


def curve(evaluations: int = 4, **columns: Any) -> Curve:
    steps = np.arange(evaluations, dtype=np.int64) * 10
    falling = 2.0 / (1.0 + steps)
    absent = np.full(evaluations, np.nan)
    values = {
        "steps": steps,
        "validation_loss": falling,
        "validation_error": falling / 3,
        "train_loss": np.where(steps == 0, np.nan, falling),
        "test_loss": absent,
        "test_error": absent,
    }
    return Curve(**(values | columns))


def race_result(
    fingerprint: str = "f1",
    *,
    model: str = "conv",
    ended: tuple[Ended, ...] = (Ended.REACHED, Ended.OUTRACED, Ended.DIVERGED),
    started_at: float = 1_700_000_000.25,
    evaluations: int = 4,
    message: str = "no luck",
) -> RaceResult:
    trials = tuple(Trial(model, 64, 2, 0.05 * 2**k) for k in range(len(ended)))
    results = tuple(
        TrialResult(how, curve(evaluations), "" if how.measured else message) for how in ended
    )
    return RaceResult(Race(fingerprint, trials, RECIPE, "grid"), results, started_at, 7.5, {})


def mirror(uri: str, **changes: Any) -> MlflowMirror:
    arguments: dict[str, Any] = {
        "experiment": "batchscope",
        "phase": "sweep",
        "models": ("conv", "mlp"),
        "git_commit": "abc123",
    }
    data = Data(changes.pop("dataset", "digits"), changes.pop("data_digest", "d1"))
    return MlflowMirror(uri=uri, data=data, **(arguments | changes))


def opened(uri: str, **changes: Any) -> MlflowMirror:
    result = mirror(uri, **changes)
    result.open()
    return result


def runs(uri: str, role: str = "trial", experiment: str = "batchscope") -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found
    condition = f"tags.\"batchscope.role\" = '{role}'"
    return list(client.search_runs([found.experiment_id], condition, max_results=50_000))


def keys(uri: str) -> Counter[tuple[str, str]]:
    tags = [run.data.tags for run in runs(uri)]
    return Counter((t["batchscope.fingerprint"], t["batchscope.member"]) for t in tags)


def history(uri: str, identifier: str, key: str) -> list[tuple[int, float, int]]:
    from mlflow import MlflowClient

    metrics = MlflowClient(tracking_uri=uri).get_metric_history(identifier, key)
    return [(m.step, m.value, m.timestamp) for m in metrics]

"""Selftest: the noisy quadratic through the whole pipeline, compared with what is known of it."""

from __future__ import annotations

import contextlib
import json
import math
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.observations import observations
from pipeline.quadratic.comparison import CellCheck, Comparison, Measured
from pipeline.quadratic.setting import MODEL
from pipeline.quadratic.truth import FACTOR, passage_of_runs, truth
from pipeline.settings import MAX_REPLICATES
from pipeline.stopping import evaluation_steps
from pipeline.study.analyse import analyse
from pipeline.study.confirm import confirm
from pipeline.study.pilot import given_goals
from pipeline.study.places import Places
from pipeline.study.preparation import ensure_prepared
from pipeline.study.results import read_tables
from pipeline.study.session import session
from pipeline.study.sweep import sweep
from pipeline.trial import Cell, Hyperparameters, Race

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    import pandas as pd

    from pipeline.design import Design
    from pipeline.estimates import Tables
    from pipeline.outcome import RaceResult
    from pipeline.quadratic.truth import Truth
    from pipeline.settings import Settings

__all__ = ["Schedule", "elsewhere", "schedule", "selftest"]

Schedule = dict[int, tuple[int, ...]]
"""Steps at which trials are evaluated, by batch size."""

_REPLICATES: Final = 24  # that train at the closed form's learning rate


def selftest(settings: Settings, known: Mapping[int, Truth] | None = None) -> Comparison:
    """Run the whole study in a temporary folder, and compare.

    Nothing is left behind, and no ledger, database or data of this machine is touched.

    Args:
        settings: Of the selftest's study.
        known: The truth by batch size, where it was computed before.

    Returns:
        The comparison, batch size by batch size.
    """
    with elsewhere():
        places = Places("selftest")
        ensure_prepared(settings.data)
        with session("sweep", settings, places) as opened:
            steps = schedule(opened.design)
            sweep(opened, given_goals(settings))
        goal = settings.sweep.goals.hardest
        known = known or {size: truth(goal, size, evaluated) for size, evaluated in steps.items()}
        with session("confirm", settings, places) as opened:
            confirm(opened)
            at_optimum = opened.runner.run(_races_at_optimum(opened.design, known))
        analyse(settings, places)
        document = json.loads(places.estimates.read_bytes())
        tables = read_tables(places)
    found = {cell["batch_size"]: cell for cell in document["models"][MODEL]["cells"]}
    windows = _windows(document["models"][MODEL]["finickiness"]["window"])
    return Comparison(
        tuple(
            CellCheck(
                known[size],
                _measured(
                    settings,
                    found[size],
                    windows[size],
                    tables,
                    _losses(at_optimum, size),
                    steps[size],
                ),
                goal,
                settings.analysis.confidence,
            )
            for size in steps
        )
    )


@contextlib.contextmanager
def elsewhere() -> Generator[None]:
    """Work in a temporary folder, where ledger, data and results then are.

    Yields:
        Nothing; the folder is gone afterwards.
    """
    with TemporaryDirectory(prefix="batchscope-selftest-") as folder, contextlib.chdir(folder):
        yield


def schedule(design: Design) -> Schedule:
    """When the design's trials are evaluated."""
    return {race.cell.batch_size: evaluation_steps(race.recipe) for race in design.grid()}


def _races_at_optimum(design: Design, known: Mapping[int, Truth]) -> list[Race]:
    """Races of one trial at the closed form's learning rate, up to its steps to goal."""
    races: list[Race] = []
    for size, true in known.items():
        rate, steps = true.optimum
        point = [Hyperparameters(float(f"{rate:.6g}"))]
        for replicate in range(MAX_REPLICATES, MAX_REPLICATES + _REPLICATES):
            race = design.sweep_race(Cell(MODEL, size), replicate, point, "confirm")
            races.append(
                design.altered(
                    race,
                    max_steps=math.ceil(steps),
                    landmarks=(math.floor(steps),),
                    goal=None,
                    race=None,
                )
            )
    return races


def _losses(results: Sequence[RaceResult], batch_size: int) -> tuple[tuple[float, float], ...]:
    """Every replicate's loss at the last two evaluated steps, which are a step apart."""
    curves = [
        result.results[0].curve for result in results if result.race.cell.batch_size == batch_size
    ]
    return tuple(
        (float(curve.validation_loss[-2]), float(curve.validation_loss[-1])) for curve in curves
    )


def _windows(found: list[dict[str, Any]]) -> dict[int, float]:
    """F1 at `FACTOR` by batch size, in decades; NaN where there is none."""
    (twice,) = (one for one in found if one["factor"] == FACTOR)
    values = {cell["batch_size"]: cell["decades"]["value"] for cell in twice["cells"]}
    return {size: math.nan if value is None else value for size, value in values.items()}


def _measured(
    settings: Settings,
    found: dict[str, Any],
    window: float,
    tables: Tables,
    losses: tuple[tuple[float, float], ...],
    evaluated: Sequence[int],
) -> Measured:
    size, goals = found["batch_size"], settings.sweep.goals
    nothing: dict[str, Any] = dict.fromkeys(("value", "low", "high", "confirmed"))
    tuned = found["tuned_learning_rate"] or nothing
    fresh = _of(tables.confirm_trials, size)
    steps = observations(
        fresh, tables.confirm_curves, quantity=goals.quantity, goals=[goals.hardest]
    )["steps"]
    return Measured(
        losses=losses,
        tuned=tuned["value"],
        low=tuned["low"],
        high=tuned["high"],
        window=window,
        confirmed=tuned["confirmed"],
        log_steps=tuple(np.log(steps.to_numpy(dtype=np.float64)).tolist()),
        expected_log_steps=passage_of_runs(goals.hardest, size, tuned["confirmed"], evaluated),
    )


def _of(trials: pd.DataFrame, batch_size: int) -> pd.DataFrame:
    return trials.loc[(trials["batch_size"] == batch_size).to_numpy(dtype=np.bool_)]

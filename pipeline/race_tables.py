"""Races as rows, and back: what trials and curves leave out, so that a study can be restored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from typing import Any, cast

import pandas as pd

from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.trial import Race, Recipe, Trial

__all__ = ["race_results", "races_table"]


def races_table(results: Sequence[RaceResult]) -> pd.DataFrame:
    """One row per race: its recipe, and when and where it was trained.

    Unlike all other tables it holds times, and so differs between two trainings of one study.

    Args:
        results: Of races, in any order.

    Returns:
        Columns fingerprint, origin, recipe (JSON), started_at, seconds and environment (JSON),
        sorted by fingerprint.
    """
    ordered = sorted(results, key=lambda result: result.race.fingerprint)
    return pd.DataFrame([
        {
            "fingerprint": result.race.fingerprint,
            "origin": result.race.origin,
            "recipe": json.dumps(asdict(result.race.recipe)),
            "started_at": result.started_at,
            "seconds": result.seconds,
            "environment": json.dumps(result.environment),
        }
        for result in ordered
    ])


def race_results(
    races: pd.DataFrame, trials: pd.DataFrame, curves: pd.DataFrame
) -> list[RaceResult]:
    """The results that the tables were made from, but for weights.

    Args:
        races: As `races_table` made it.
        trials: The table of trials.
        curves: The table of evaluations, in its order.

    Returns:
        One result per race, in the order of ``races``.
    """
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in _rows(trials.sort_values(["fingerprint", "member"])):
        rows.setdefault(row["fingerprint"], []).append(row)
    found = {
        cast("tuple[str, int]", key): Curve(**{
            field.name: part["step" if field.name == "steps" else field.name].to_numpy()
            for field in fields(Curve)
        })
        for key, part in curves.groupby(["fingerprint", "member"], sort=False)
    }
    none = Curve(**{
        field.name: curves["step" if field.name == "steps" else field.name].to_numpy()[:0]
        for field in fields(Curve)
    })
    return [
        RaceResult(
            race=Race(
                race["fingerprint"],
                tuple(_trial(row) for row in rows[race["fingerprint"]]),
                _recipe(race["recipe"]),
                race["origin"],
            ),
            results=tuple(
                TrialResult(
                    Ended(row["ended"]),
                    found.get((row["fingerprint"], row["member"]), none),
                    row["message"],
                )
                for row in rows[race["fingerprint"]]
            ),
            started_at=race["started_at"],
            seconds=race["seconds"],
            environment=json.loads(race["environment"]),
        )
        for race in _rows(races)
    ]


def _rows(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    yield from cast("list[dict[str, Any]]", table.to_dict("records"))


def _trial(row: dict[str, Any]) -> Trial:
    return Trial(**{field.name: row[field.name] for field in fields(Trial)})


def _recipe(text: str) -> Recipe:
    content = json.loads(text)
    return Recipe(**content | {"landmarks": tuple(content["landmarks"])})

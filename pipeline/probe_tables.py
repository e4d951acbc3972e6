"""What probes found, as rows of a table and in the ledger."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final, cast

import pandas as pd

from pipeline.aside import write_aside
from pipeline.outcome import ProbeRow, RaceResult
from pipeline.schedules import Schedule
from pipeline.trial import Recipe, Trial

__all__ = ["probes_table", "read_probes", "stability_limit", "with_probes", "write_probes"]

_MEASURED: Final = {
    "member": "int64",
    "step": "int64",
    "group": "int64",
    "signal": "float64",
    "noise": "float64",
    "largest_eigenvalue": "float64",
    "residual": "float64",
    "products": "int64",
    "keskar": "float64",
    "message": "object",
}
_COLUMNS: Final = {
    "fingerprint": "object",
    "model": "object",
    "batch_size": "int64",
    "replicate": "int64",
    "learning_rate": "float64",
    "weight_decay": "float64",
    "stability_limit": "float64",
    "examples": "int64",
    **_MEASURED,
    "digest": "object",
}


def probes_table(results: Sequence[RaceResult], digest: str) -> pd.DataFrame:
    """One row per probe, sorted by fingerprint, member and step; (fingerprint, member) is the key.

    Args:
        results: Of races, in any order; those that were not probed add no row.
        digest: Of how they were probed.

    Returns:
        The trial's model, batch_size, replicate, learning_rate (by its schedule, of the step that
        comes next; of the last one where the budget is spent) and weight_decay, the optimiser's
        ``stability_limit`` (NaN where the rule has none), ``examples`` processed by then, the
        columns of `ProbeRow`, and the digest.
    """
    rows = [
        {
            **_design(result, row["member"], row["step"]),
            "examples": row["step"] * batch_size,
            **row,
            "digest": digest,
        }
        for result in sorted(results, key=lambda result: result.race.fingerprint)
        for batch_size in [result.race.cell.batch_size]
        for row in _rows(result)
    ]
    return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)


def stability_limit(trial: Trial, recipe: Recipe) -> float:
    """Largest λ·η at which a quadratic of curvature λ is still descended, in full batches.

    2 for plain gradient descent, 2 + 2β with heavy-ball momentum, (2 + 2β)/(1 + 2β) with
    Nesterov's. Source: Cohen et al. 2021 (arXiv 2103.00065), appendix B; docs/science.md, estimand
    7.

    Args:
        trial: Gives β.
        recipe: Gives the update rule.

    Returns:
        The limit; NaN for rules that precondition, to which λ·η alone says nothing.
    """
    if recipe.optimiser != "sgd":
        return float("nan")
    beta = trial.momentum
    return (2 + 2 * beta) / (1 + 2 * beta) if recipe.nesterov else 2 + 2 * beta


def write_probes(path: Path, result: RaceResult) -> None:
    """Keep what was found along a race's trials, one row a probe."""
    buffer = BytesIO()
    table = pd.DataFrame(_rows(result), columns=list(_MEASURED)).astype(_MEASURED)
    table.to_parquet(buffer, index=False)
    write_aside(path, buffer.getvalue())


def read_probes(rows: Iterable[dict[str, Any]], result: RaceResult) -> RaceResult:
    """Add to a result what `write_probes` kept of it, by the rows of its file."""
    # What is not a number pandas wrote as null. It would read a file as well, in six times as long.
    return _probed(
        result,
        ({k: math.nan if row[k] is None else row[k] for k in _MEASURED} for row in rows),
    )


def with_probes(result: RaceResult, table: pd.DataFrame) -> RaceResult:
    """Add probes to a race's result.

    Args:
        result: Of the race, from the ledger or from tables.
        table: Rows of the probes table that belong to it.

    Returns:
        The result with its probes.
    """
    rows = table[list(_MEASURED)].to_dict("records")
    return _probed(result, cast("list[dict[str, Any]]", rows))


def _probed(result: RaceResult, rows: Iterable[dict[str, Any]]) -> RaceResult:
    found: list[list[ProbeRow]] = [[] for _ in result.results]
    for row in rows:
        member: int = row.pop("member")
        found[member].append(ProbeRow(**row))
    pairs = zip(result.results, found, strict=True)
    return replace(
        result, results=tuple(replace(trial, probes=tuple(rows)) for trial, rows in pairs)
    )


def _rows(result: RaceResult) -> list[dict[str, Any]]:
    return [
        {"member": member, **row._asdict()}
        for member, trial in enumerate(result.results)
        for row in trial.probes or ()
    ]


def _design(result: RaceResult, member: int, step: int) -> dict[str, Any]:
    trial, recipe = result.race.trials[member], result.race.recipe
    factor = Schedule.of(recipe).factor(min(step, recipe.max_steps - 1))  # of a step that is taken
    return {
        "fingerprint": result.race.fingerprint,
        "model": trial.model,
        "batch_size": trial.batch_size,
        "replicate": trial.replicate,
        "learning_rate": trial.learning_rate * factor,
        "weight_decay": trial.weight_decay,
        "stability_limit": stability_limit(trial, recipe),
    }

"""A race's result as a table, and back."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.outcome import Curve, Ended, RaceResult, TrialResult
from pipeline.trial import Race, Recipe, Trial

__all__ = ["decoded", "encoded"]

_METADATA = b"batchscope"
_DIGEST = b"batchscope.digest"
_COLUMNS = {
    "steps": pa.int64(),
    "validation_loss": pa.float64(),
    "validation_error": pa.float64(),
    "train_loss": pa.float64(),
    "test_loss": pa.float64(),
    "test_error": pa.float64(),
}


def encoded(result: RaceResult) -> pa.Table:
    """One row per evaluation; everything else as JSON in the schema's metadata, and a digest.

    Args:
        result: Of a race.
    """
    curves = [trial.curve for trial in result.results]
    lengths = [len(curve.steps) for curve in curves]
    columns: dict[str, Any] = {"member": pa.array(np.repeat(np.arange(len(curves)), lengths))}
    for name, kind in _COLUMNS.items():
        joined = np.concatenate([getattr(curve, name) for curve in curves])
        columns[name] = pa.array(joined, type=kind)
    content = {
        "race": asdict(result.race),
        "ended": [str(trial.ended) for trial in result.results],
        "messages": [trial.message for trial in result.results],
        "started_at": result.started_at,
        "seconds": result.seconds,
        "environment": result.environment,
    }
    table, text = pa.table(columns), json.dumps(content).encode()
    return table.replace_schema_metadata({_METADATA: text, _DIGEST: _digest(table, text)})


def _digest(table: pa.Table, text: bytes) -> bytes:
    """Of every number and word of a result."""
    found = hashlib.blake2b(text, digest_size=16)
    for name in ("member", *_COLUMNS):
        found.update(table[name].to_numpy().tobytes())
    return found.hexdigest().encode()


def decoded(table: pa.Table, fingerprint: str) -> RaceResult:
    """The result that `encoded` made a table of.

    Args:
        table: As it was read.
        fingerprint: Of the race that it should hold.

    Raises:
        ValueError: If it holds another one, or not what was written.
    """
    text = table.schema.metadata[_METADATA]
    known = table.schema.metadata.get(_DIGEST)  # files of version 0.1 have none
    if known is not None and known != _digest(table, text):
        raise ValueError("its content is not what was written")
    content = json.loads(text)
    race = content["race"]
    if race["fingerprint"] != fingerprint:
        raise ValueError(f"holds race {race['fingerprint']}")
    member = table["member"].to_numpy()
    arrays = {name: table[name].to_numpy() for name in _COLUMNS}
    edges = np.searchsorted(member, np.arange(len(race["trials"]) + 1))
    curves = [
        Curve(**{name: column[a:b].copy() for name, column in arrays.items()})
        for a, b in itertools.pairwise(edges)
    ]
    return RaceResult(
        race=Race(
            fingerprint,
            tuple(Trial(**trial) for trial in race["trials"]),
            Recipe(**race["recipe"] | {"landmarks": tuple(race["recipe"]["landmarks"])}),
            race["origin"],
        ),
        results=tuple(
            TrialResult(Ended(ended), curve, message)
            for ended, curve, message in zip(
                content["ended"], curves, content["messages"], strict=True
            )
        ),
        started_at=content["started_at"],
        seconds=content["seconds"],
        environment=content["environment"],
    )

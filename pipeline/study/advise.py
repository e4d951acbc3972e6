"""Advise: what a finished study says one should set."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from pipeline.advice import Setting, setting_at, settings_of
from pipeline.intervals import UNKNOWN
from pipeline.manifest import read_manifest
from pipeline.study.estimates_file import read_estimates_file
from pipeline.study.places import ledger_folder
from pipeline.study.seconds import seconds_table
from pipeline.study.session import design_of
from pipeline.trial import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.study.catalogue import Entry

__all__ = ["advise"]

Json = dict[str, Any]


def advise(
    found: Entry, model: str, batch_size: int | None, goal: float | None, *, timed: bool
) -> Json:
    """What a study says of a model.

    Args:
        found: The study, analysed.
        model: Of the study.
        batch_size: To set the learning rate for; None for every measured one.
        goal: One of the study's; None for the hardest.
        timed: Whether to say how long it takes on this machine, which needs the prepared data and,
            the first time, some seconds of measuring.

    Returns:
        ``study``, ``dataset``, ``model``, ``quantity``, ``goal``, ``measured`` (smallest and
        largest batch size), ``machine`` or None, ``settings`` (a row a batch size), ``fastest``
        and ``fewest_examples`` (batch sizes among the measured, or None), ``within_20_percent``
        (largest batch size whose examples are within 20 % of the fewest: value, low, high, bound)
        and ``rule`` (best, candidates, reason).

    Raises:
        ValueError: If the study has no estimates that can be read, or lacks the model or the goal.
    """
    document = read_estimates_file(found.places, _needed)
    own = _named(document["models"], "model", model)
    level = document["goals"][-1] if goal is None else _goal(document["goals"], goal)
    measured = settings_of(own["cells"], level)
    if not measured:
        raise ValueError(f"no batch size of the study can train {model}; add a larger one")
    wanted = measured if batch_size is None else (setting_at(measured, batch_size),)
    cells = {*measured, *wanted}
    seconds, machine = _seconds(found, document, model, cells) if timed else ({}, None)
    rows = {one.batch_size: _row(one, seconds.get(one.batch_size)) for one in measured}
    fit = next(one for one in own["trade_off"] if one["goal"] == level)
    scaling = own["scaling"]
    return {
        "study": found.name,
        "dataset": document["dataset"],
        "model": model,
        "quantity": document["quantity"],
        "goal": level,
        "confidence": document["confidence"],
        "measured": [measured[0].batch_size, measured[-1].batch_size],
        "machine": machine,
        "settings": [_row(one, seconds.get(one.batch_size)) for one in wanted],
        "fastest": _least(rows.values(), "seconds"),
        "fewest_examples": _least(rows.values(), "examples"),
        "within_20_percent": fit["b_crit"]["overhead20"],
        "rule": {key: scaling[key] for key in ("best", "candidates", "reason")},
    }


def _needed(document: Json) -> Json:
    """What advice is made of, so that it is noticed here if the file lacks some of it."""
    models = {
        name: {key: own[key] for key in ("cells", "trade_off", "scaling")}
        for name, own in document["models"].items()
    }
    keys = ("dataset", "train_examples", "confidence", "quantity", "goals")
    return {"models": models} | {key: document[key] for key in keys}


def _named(known: Json, key: str, name: str) -> Json:
    if name not in known:
        raise ValueError(f"{key} {name!r} is not in the study; choose one of {', '.join(known)}")
    return known[name]


def _goal(known: Sequence[float], goal: float) -> float:
    if goal not in known:
        levels = ", ".join(f"{level:g}" for level in known)
        raise ValueError(f"goal {goal:g} is not one of the study's; choose one of {levels}")
    return goal


def _seconds(
    found: Entry, document: Json, model: str, settings: set[Setting]
) -> tuple[dict[int, float], str | None]:
    """Seconds per step by batch size, and the machine; nothing where the data are not there.

    Nor where params.yaml names other data by now than what the study's estimates were made of.
    """
    if not found.places.prepared.exists():
        return {}, None
    manifest = read_manifest(found.places.prepared)
    if any(getattr(manifest, key) != document[key] for key in ("dataset", "train_examples")):
        return {}, None
    sizes = sorted(one.batch_size for one in settings if one.batch_size <= manifest.train_examples)
    table = seconds_table(
        design_of(found.settings, manifest),
        [Cell(model, size) for size in sizes],
        found.places.prepared,
        ledger_folder(),
    ).dropna()
    timed = dict(zip(table["batch_size"].tolist(), table["seconds_per_step"].tolist(), strict=True))
    return timed, (table["machine"].iloc[0] if len(table) else None)


def _row(one: Setting, per_step: float | None) -> Json:
    seconds = UNKNOWN if per_step is None else one.steps.map(lambda steps: steps * per_step)
    return {**asdict(one), "seconds": asdict(seconds), "seconds_per_step": per_step}


def _least(rows: Any, measure: str) -> int | None:
    known = [(row[measure]["value"], row["batch_size"]) for row in rows]
    return min(((value, size) for value, size in known if value is not None), default=(0, None))[1]

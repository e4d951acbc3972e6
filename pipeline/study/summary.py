"""How far a study is and what it found, as a document: counts, endings, tuned settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pipeline.study.survey import Phase, survey
from pipeline.tables import curves_table, trials_table
from pipeline.tuned import tuned_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.settings import Settings
    from pipeline.study.catalogue import Entry

__all__ = ["summary"]


def summary(found: Entry, warn: Callable[[str], None]) -> dict[str, Any]:
    """How far a study is and what it found so far.

    Args:
        found: The study.
        warn: Told about files of the ledger that can't be read.

    Returns:
        ``study``, ``state``, ``process`` that trains it or None, ``data``, ``models``,
        ``batch_sizes``, ``goals``, empty while a pilot is to find them, ``pilot``, ``sweep`` and
        ``confirm`` (``planned`` and ``done`` trials, ``complete``,
        ``ended``: how many ended how), ``tuned`` (a row a cell that has trials: ``model``,
        ``batch_size``, ``learning_rate``, ``low``, ``high``, ``edge``, ``method``; provisional
        until the sweep is complete) and ``report``, None where it is not there yet.
    """
    seen = survey(found, warn)
    page = found.places.report / "index.html"
    return {
        "study": found.name,
        "state": seen.state,
        "process": seen.process,
        "data": found.settings.data.dataset,
        "models": list(found.settings.models),
        "batch_sizes": list(found.settings.sweep.batch_sizes),
        "goals": _goals(found.settings if seen.design is None else seen.design.settings),
        "pilot": _phase(seen.pilot),
        "sweep": _phase(seen.sweep),
        "confirm": _phase(seen.confirm),
        "tuned": [] if seen.design is None else _tuned(seen.design.settings, seen.sweep),
        "report": str(page) if page.exists() else None,
    }


def _goals(settings: Settings) -> list[float]:
    levels = settings.sweep.goals.levels
    return [] if levels == "auto" else list(levels)


def _phase(phase: Phase) -> dict[str, Any]:
    return {
        "planned": phase.planned,
        "done": phase.done,
        "complete": phase.complete,
        "ended": dict(sorted(phase.ended.items())),
    }


def _tuned(settings: Settings, sweep: Phase) -> list[dict[str, Any]]:
    measured = [r for r in sweep.results if any(len(t.curve.steps) for t in r.results)]
    if not measured:
        return []
    table = tuned_by(settings, trials_table(measured), curves_table(measured))
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(key): value for key, value in row.items()} for row in rows]

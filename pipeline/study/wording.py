"""Documents about studies as lines for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["cost_lines", "list_lines", "summary_lines", "table"]

_NEXT = {
    "running": "it is being trained now by process {process}",
    "finished": "all is trained and reported",
    "trained": "all is trained; batchscope study run --name {study} writes the report",
    "interrupted": "batchscope study run --name {study} goes on",
    "not started": "nothing is trained yet",
    "not prepared": "its data are not prepared yet; running the study prepares them",
}
_DVC_NEXT = {
    "trained": "all is trained; dvc repro writes the report",
    "interrupted": "dvc repro goes on",
}


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Columns with their heads: numbers to the right, text to the left.

    Args:
        head: A name a column.
        rows: A value a column; integers get thousands separators.

    Returns:
        A line a row, the heads first.
    """
    written = [[_cell(value) for value in row] for row in rows]
    right = [
        bool(rows) and all(isinstance(row[i], int | float) for row in rows)
        for i in range(len(head))
    ]
    widths = [max(len(row[i]) for row in [list(head), *written]) for i in range(len(head))]
    return [
        "  ".join(
            text.rjust(width) if flush else text.ljust(width)
            for text, width, flush in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in [list(head), *written]
    ]


def list_lines(summaries: Sequence[dict[str, Any]]) -> list[str]:
    """A line a study."""
    if not summaries:
        return ["no studies yet: batchscope study run starts one, dvc repro the one of params.yaml"]
    return table(
        ["study", "state", "sweep", "confirm", "data", "models"],
        [
            [
                one["study"],
                one["state"],
                _progress(one["sweep"]),
                _progress(one["confirm"]),
                one["data"],
                ", ".join(one["models"]),
            ]
            for one in summaries
        ],
    )


def summary_lines(one: dict[str, Any]) -> list[str]:
    """How far a study is, how its trials ended, and its tuned learning rates."""
    words = _NEXT | (_DVC_NEXT if one["study"] == "dvc" else {})
    lines = [f"study {one['study']}: {one['state']}, {words[one['state']].format(**one)}"]
    for phase in ("pilot", "sweep", "confirm") if one["pilot"]["planned"] else ("sweep", "confirm"):
        ended = ", ".join(f"{count:,} {how}" for how, count in one[phase]["ended"].items())
        lines.append(f"{phase}: {_progress(one[phase])} trials{ended and f': {ended}'}")
    if one["pilot"]["complete"] and one["pilot"]["planned"]:
        lines.append(f"goals, from the pilot: {', '.join(f'{goal:g}' for goal in one['goals'])}")
    if one["tuned"]:
        lines += ["", f"tuned learning rates{'' if one['sweep']['complete'] else ', so far'}:"]
        lines += table(
            ["model", "batch size", "learning rate", "low", "high", "note"],
            [
                [
                    row["model"],
                    row["batch_size"],
                    *(_rate(row[key]) for key in ("learning_rate", "low", "high")),
                    f"at the {row['edge']} edge of what was tried" if row["edge"] else "",
                ]
                for row in one["tuned"]
            ],
        )
    return [*lines, *(["", f"report: {one['report']}"] if one["report"] else [])]


def cost_lines(one: dict[str, Any]) -> list[str]:
    """What a study would train, at most."""
    most = one["most"]
    lines = [
        f"study {one['study']}: {one['in_ledger']:,} trials are in the ledger; at most "
        f"{most['trials']:,} are to be trained: {most['steps']:,} steps, "
        f"{most['examples']:,} examples",
    ]
    if seconds := one.get("seconds"):
        lines.append(_duration(seconds))
    piloted = any(row["pilot"] for row in one["cells"])
    columns = [key for key in _COLUMNS if piloted or key != "pilot"]
    if most["trials"]:
        lines += ["goals and races stop most trials of the sweep earlier", ""]
        lines += table(
            [_HEADS.get(key, key) for key in columns],
            [
                [row[key] for key in columns]
                for row in one["cells"]
                if row["pilot"] + row["sweep"] + row["confirm"]
            ],
        )
    return lines


_COLUMNS = ("model", "batch_size", "kernel", "max_steps", "pilot", "sweep", "confirm")
_HEADS = {"batch_size": "batch size", "max_steps": "steps a trial"}


def _duration(seconds: dict[str, Any]) -> str:
    workers = f"{seconds['workers']} worker{'s' * (seconds['workers'] > 1)}"
    likely, most = _minutes(seconds["likely"]), _minutes(seconds["most"])
    return f"time: likely about {likely} on {workers}, at most about {most}"


def _minutes(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _progress(phase: dict[str, Any]) -> str:
    if not phase["planned"] and not phase["complete"]:
        return "–"
    return f"{phase['done']:,} of {phase['planned']:,}"


def _rate(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _cell(value: object) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)

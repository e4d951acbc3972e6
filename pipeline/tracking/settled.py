"""What runs say of the races that they show: which are whole, and whether there is work left."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from pipeline.outcome import Ended
from pipeline.tracking.runs import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pipeline.tracking.runs import FoundRun

__all__ = ["at_rest", "of_role", "whole_races"]


def of_role(role: str, runs: Iterable[FoundRun]) -> list[FoundRun]:
    """Parents (``parent``) or children (``trial``) among runs."""
    return [run for run in runs if run.tags.get(NAMESPACE + "role") == role]


def whole_races(children: Iterable[FoundRun]) -> set[str]:
    """Fingerprints of the races all of whose trials are there and measured.

    Args:
        children: One a trial.

    Returns:
        Without those that have a broken trial, for they run again.
    """
    present: dict[str, list[FoundRun]] = defaultdict(list)
    for run in children:
        if run.complete and Ended(run.tags[NAMESPACE + "ended"]).measured:
            present[run.tags[NAMESPACE + "fingerprint"]].append(run)
    return {
        fingerprint
        for fingerprint, runs in present.items()
        if len(runs) == int(runs[0].tags[NAMESPACE + "members"])
    }


def at_rest(runs: Sequence[FoundRun], models: Iterable[str]) -> bool:
    """Whether opening the mirror would change none of a data set's runs.

    Args:
        runs: All of them.
        models: Those that the study has a parent run of.

    Returns:
        True where each model has one parent, which has finished, nobody else's is left running,
        and every child is whole, there once, and its parent's.
    """
    found, children = of_role("parent", runs), of_role("trial", runs)
    parents = {run.model: run for run in found}
    many = Counter(run.model for run in found)
    return (
        all(many[model] == 1 and parents[model].status == "FINISHED" for model in models)
        and all(parent.status != "RUNNING" for parent in found)
        and len({run.key for run in children}) == len(children)
        and all(run.complete and _has_its_parent(run, parents) for run in children)
    )


def _has_its_parent(run: FoundRun, parents: dict[str, FoundRun]) -> bool:
    parent = parents.get(run.model)
    return parent is None or run.parent == parent.identifier

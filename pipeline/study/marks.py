"""Which rule a run of confirm stands for, as a tag that the MLflow UI can be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.study.table_file import read_table
from pipeline.tracking.runs import NAMESPACE, Change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.study.places import Places
    from pipeline.tracking.store import RunStore

__all__ = ["mark_rules"]

_NONE: Final = "none"  # of runs of an earlier confirm: MLflow's rows can be set, not taken away


def mark_rules(store: RunStore, places: Places, digest: str, rules: Sequence[str]) -> None:
    """Say of every run of confirm which rules it stands for in a study, ``tuned,sqrt`` say.

    A run that stood for one and no longer does, because a learning rate moved, stands for none.

    Args:
        store: Of the study's experiment.
        places: Of the study. DVC's has the tag ``batchscope.rules``, another ``….rules.NAME``.
        digest: Of the data.
        rules: In the order of params.yaml.
    """
    tag = NAMESPACE + "rules" + ("" if places.study == "dvc" else f".{places.study}")
    table = read_table(places.confirm / "assignments.parquet")
    found: dict[tuple[str, int], set[str]] = {}
    for name, member, rule in zip(
        table["fingerprint"].tolist(),
        table["member"].tolist(),
        table["rule"].tolist(),
        strict=True,
    ):
        found.setdefault((name, member), set()).add(rule)
    changes: list[Change] = []
    for run in store.find(NAMESPACE + "phase", "confirm"):
        if run.tags.get(NAMESPACE + "role") != "trial":
            continue
        if run.tags.get(NAMESPACE + "data_digest") != digest:
            continue
        stands = found.get(run.key, set[str]())
        wanted = ",".join(rule for rule in rules if rule in stands) or _NONE
        if wanted != run.tags.get(tag, _NONE):
            changes.append(Change(run.identifier, run.started, (), tags={tag: wanted}))
    if changes:
        store.log(changes)

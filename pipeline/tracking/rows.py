"""Many runs in one transaction: rows in the tables of MLflow's SQLite database."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, select, tuple_
from sqlalchemy.dialects.sqlite import insert

from pipeline.tracking.glance import TAGGED
from pipeline.tracking.runs import found_runs
from pipeline.tracking.sqlite_tables import engine_of, named_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Engine
    from sqlalchemy.sql.dml import Insert

    from pipeline.tracking.runs import Change, FoundRun, New

__all__ = ["RowRuns"]

_METRIC: Final = "key value timestamp step is_nan run_uuid"
_RUNS: Final = named_table(
    "runs",
    "run_uuid name source_type source_name entry_point_name user_id status start_time end_time "
    "deleted_time source_version lifecycle_stage artifact_uri experiment_id",
)
_TAGS: Final = named_table("tags", "key value run_uuid")
_PARAMS: Final = named_table("params", "key value run_uuid")
_METRICS: Final = named_table("metrics", _METRIC)
_LATEST: Final = named_table("latest_metrics", _METRIC)


def _upsert_tag() -> Insert:
    new = insert(_TAGS)
    return new.on_conflict_do_update(["key", "run_uuid"], set_={"value": new.excluded.value})


def _upsert_latest() -> Insert:
    """MLflow's rule: the latest is what has the largest step, then time, then value."""
    new, order = insert(_LATEST), ("step", "timestamp", "value")
    return new.on_conflict_do_update(
        ["key", "run_uuid"],
        set_={name: new.excluded[name] for name in (*order, "is_nan")},
        where=tuple_(*(new.excluded[name] for name in order))
        > tuple_(*(_LATEST.c[name] for name in order)),
    )


_NEW_RUN: Final = _RUNS.insert()
_SET_TAG: Final = _upsert_tag()
_NEW_PARAM: Final = insert(_PARAMS).on_conflict_do_nothing()
_NEW_METRIC: Final = insert(_METRICS).on_conflict_do_nothing()
_SET_LATEST: Final = _upsert_latest()
_END: Final = (
    _RUNS
    .update()
    .where(_RUNS.c.run_uuid == bindparam("run"))
    .values(status=bindparam("to"), end_time=bindparam("at"))
)


class RowRuns:
    """Reads and writes what MLflow's client would, a fifteenth of the time: all runs at once.

    The client takes six sessions and some thirty statements to write a run, and fetches metrics
    and parameters with every run that it finds. What both do is equal, which a test holds.

    Args:
        engine: Of MLflow's database.
        experiment: Identifier of the experiment.
        artifacts: The experiment's location of artifacts.
    """

    def __init__(self, engine: Engine, experiment: str, artifacts: str) -> None:
        self._engine = engine
        self._experiment = experiment
        self._artifacts = artifacts

    @classmethod
    def of(cls, uri: str, experiment: str) -> RowRuns | None:
        """Runs of an SQLite database; None for any other, and for tables of another version.

        Args:
            uri: Of a database that MLflow has opened.
            experiment: Identifier of an experiment there.

        Returns:
            Them, or None where MLflow's client must read and write.
        """
        engine = engine_of(uri, (_RUNS, _TAGS, _PARAMS, _METRICS, _LATEST))
        if engine is None:
            return None
        experiments = named_table("experiments", "experiment_id artifact_location")
        of_ours = experiments.c.experiment_id == int(experiment)
        with engine.connect() as connection:
            artifacts = connection.execute(
                select(experiments.c.artifact_location).where(of_ours)
            ).scalar_one()
        return cls(engine, experiment, str(artifacts))

    def find(self, tag: str, value: str) -> Iterator[FoundRun]:
        """Runs that carry a tag, the oldest first; deleted ones are left out.

        Args:
            tag: Its name.
            value: Its value.

        Yields:
            Each as it is.
        """
        asked = (int(self._experiment), tag, value)
        with self._engine.connect() as connection:
            yield from found_runs(tuple(row) for row in connection.exec_driver_sql(TAGGED, asked))

    def create(self, news: Sequence[New]) -> Iterator[str]:
        """Create runs, RUNNING, all or none.

        Args:
            news: The runs.

        Yields:
            Their identifiers, in their order.
        """
        identifiers = [uuid.uuid4().hex for _ in news]
        pairs = list(zip(identifiers, news, strict=True))
        tags = [
            {"key": key, "value": value, "run_uuid": identifier}
            for identifier, new in pairs
            for key, value in {**new.tags, "mlflow.runName": new.name}.items()
        ]
        self._execute(
            (_NEW_RUN, [self._run(identifier, new) for identifier, new in pairs]), (_SET_TAG, tags)
        )
        yield from identifiers

    def write(self, changes: Sequence[Change]) -> None:
        """Change runs, all or none; what is there already stays as it is."""
        metrics = [row for change in changes for row in _metrics(change)]
        self._execute(
            (_NEW_PARAM, [row for c in changes for row in _texts(c.identifier, c.parameters)]),
            (_NEW_METRIC, metrics),
            (_SET_LATEST, _latest(metrics)),
            (_SET_TAG, [row for c in changes for row in _texts(c.identifier, c.tags)]),
            (
                _END,
                [
                    {"run": c.identifier, "to": c.ending.status, "at": c.ending.time}
                    for c in changes
                    if c.ending
                ],
            ),
        )

    def _execute(self, *steps: tuple[Any, list[dict[str, Any]]]) -> None:
        with self._engine.begin() as connection:
            for statement, rows in steps:
                if rows:
                    connection.execute(statement, rows)

    def _run(self, identifier: str, new: New) -> dict[str, Any]:
        return {
            "run_uuid": identifier,
            "name": new.name,
            "source_type": "UNKNOWN",
            "source_name": "",
            "entry_point_name": "",
            "user_id": "unknown",
            "status": "RUNNING",
            "start_time": new.started,
            "end_time": None,
            "deleted_time": None,
            "source_version": "",
            "lifecycle_stage": "active",
            "artifact_uri": f"{self._artifacts}/{identifier}/artifacts",
            "experiment_id": int(self._experiment),
        }


def _texts(identifier: str, values: Any) -> Iterator[dict[str, str]]:
    for key, value in values.items():
        yield {"key": key, "value": value, "run_uuid": identifier}


def _metrics(change: Change) -> Iterator[dict[str, Any]]:
    for point in change.points:
        yield {
            "key": point.key,
            "value": point.value,
            "timestamp": change.time,
            "step": point.step,
            "is_nan": False,
            "run_uuid": change.identifier,
        }


def _latest(metrics: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each run and metric the row that MLflow would take for the latest."""
    latest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in metrics:
        key = row["run_uuid"], row["key"]
        if key not in latest or _order(row) > _order(latest[key]):
            latest[key] = row
    return list(latest.values())


def _order(row: dict[str, Any]) -> tuple[int, int, float]:
    return row["step"], row["timestamp"], row["value"]

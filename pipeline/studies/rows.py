"""Many trials in one transaction: rows in the tables of Optuna's SQLite database."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from optuna.distributions import distribution_to_json
from optuna.exceptions import StorageInternalError
from sqlalchemy import text

from pipeline.tracking.sqlite_tables import engine_of, named_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from optuna.trial import FrozenTrial
    from sqlalchemy import Connection, Engine

__all__ = ["TrialRows"]

_TRIALS: Final = named_table(
    "trials", "trial_id number study_id state datetime_start datetime_complete"
)
_VALUES: Final = named_table("trial_values", "trial_value_id trial_id objective value value_type")
_PARAMS: Final = named_table(
    "trial_params", "param_id trial_id param_name param_value distribution_json"
)
_ATTRIBUTES: Final = named_table(
    "trial_user_attributes", "trial_user_attribute_id trial_id key value_json"
)
# A trial's number is how many the study had before, whoever else adds to it.
_NEW_TRIAL: Final = text(
    "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete) "
    "SELECT (SELECT count(*) FROM trials WHERE trials.study_id = studies.study_id), "
    "studies.study_id, :state, :began, :ended FROM studies WHERE study_name = :study"
)


class TrialRows:
    """Writes what `optuna.Study.add_trials` would, a race's trials at once.

    Optuna takes a transaction for each trial, and in it some thirty statements: one looks up the
    trial, and one writes, for each of its attributes. What both write is equal, which a test holds.

    Args:
        engine: Of Optuna's database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def of(cls, url: str) -> TrialRows | None:
        """Trials of an SQLite database; None for any other, and for tables of another version.

        Args:
            url: Of a storage that Optuna has opened.

        Returns:
            Them, or None where Optuna must write.
        """
        engine = engine_of(url, (_TRIALS, _VALUES, _PARAMS, _ATTRIBUTES))
        return None if engine is None else cls(engine)

    def add(self, study: str, trials: Sequence[FrozenTrial]) -> None:
        """Add finished trials of a single objective, all or none.

        Args:
            study: Its name.
            trials: With times, and no intermediate values or system attributes.

        A `StorageInternalError` says that the study is gone.
        """
        values: list[dict[str, Any]] = []
        params: list[dict[str, Any]] = []
        attributes: list[dict[str, Any]] = []
        with self._engine.begin() as connection:
            for trial in trials:
                identifier = {"trial_id": _added(connection, study, trial)}
                values += [identifier | row for row in _value(trial)]
                params += [identifier | row for row in _params(trial)]
                attributes += [
                    identifier | {"key": key, "value_json": json.dumps(value)}
                    for key, value in trial.user_attrs.items()
                ]
            for table, rows in ((_VALUES, values), (_PARAMS, params), (_ATTRIBUTES, attributes)):
                if rows:
                    connection.execute(table.insert(), rows)


def _added(connection: Connection, study: str, trial: FrozenTrial) -> int:
    asked = {
        "study": study,
        "state": trial.state.name,
        "began": _time(trial.datetime_start),
        "ended": _time(trial.datetime_complete),
    }
    added = connection.execute(_NEW_TRIAL, asked)
    if not added.rowcount:
        raise StorageInternalError(f"there is no study {study!r} any more")
    return added.lastrowid


def _value(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    if trial.value is not None:
        yield {"objective": 0, "value": trial.value, "value_type": "FINITE"}


def _params(trial: FrozenTrial) -> Iterator[dict[str, Any]]:
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        yield {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": distribution_to_json(distribution),
        }


def _time(at: datetime | None) -> str | None:
    """As SQLAlchemy writes it."""
    return None if at is None else f"{at:%Y-%m-%d %H:%M:%S.%f}"

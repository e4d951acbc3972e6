"""Optuna's storage: connecting to it, and finding or making a subject's study."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import optuna
import sqlalchemy
from optuna.exceptions import OptunaError
from optuna.storages import RDBStorage
from sqlalchemy.exc import SQLAlchemyError

from pipeline.aside import write_aside
from pipeline.studies.address import StorageError
from pipeline.studies.projection import attributes_of, study_name
from pipeline.tracking.address import sqlite_file

if TYPE_CHECKING:
    from optuna import Study

    from pipeline.studies.projection import Subject

__all__ = ["FAILURES", "connected", "study_of"]

FAILURES: Final[tuple[type[Exception], ...]] = (
    SQLAlchemyError,
    OptunaError,
    ImportError,  # of a driver that is not installed
    OSError,
    RuntimeError,  # of tables that another version of Optuna made
)


def connected(url: str) -> RDBStorage:
    """Open Optuna's database, made where it is missing.

    Args:
        url: Of the storage.

    Returns:
        The storage.

    Raises:
        StorageError: It is MLflow's database: the two break each other in one.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    file = sqlite_file(url)
    if file and not file.exists():
        _create_sqlite(file)
    else:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
        tables = set(sqlalchemy.inspect(engine).get_table_names())
        if "experiments" in tables or ("alembic_version" in tables and "studies" not in tables):
            problem = "the database of another program (MLflow?); Optuna needs its own"
            raise StorageError(url, problem)
    return RDBStorage(url)


def study_of(storage: RDBStorage, subject: Subject) -> Study:
    """The subject's study, made where it is missing.

    It has the plain name, unless a study of another subject does: other data, other code, another
    goal or box. Then eight digits of the subject's digest follow.

    Args:
        storage: Where studies are.
        subject: What it is the study of.

    Returns:
        The study, to be minimised.
    """
    plain, exact = study_name(subject), f"{study_name(subject)}-{subject.digest}"
    known = set(optuna.get_all_study_names(storage))
    if plain in known:
        study = optuna.load_study(study_name=plain, storage=storage)
        if study.user_attrs.get("subject") in {subject.digest, None} and not _foreign(study):
            return _described(study, subject)
    name = exact if plain in known else plain
    study = optuna.create_study(
        storage=storage, study_name=name, direction="minimize", load_if_exists=True
    )
    return _described(study, subject)


def _foreign(study: Study) -> bool:
    """Whether somebody else filled a study that says nothing of its subject."""
    return "subject" not in study.user_attrs and bool(study.get_trials(deepcopy=False))


def _described(study: Study, subject: Subject) -> Study:
    if "subject" not in study.user_attrs:  # set last: a kill leaves a study without
        for key, value in attributes_of(subject).items():
            study.set_user_attr(key, value)
        study.set_user_attr("subject", subject.digest)
    return study


def _create_sqlite(file: Path) -> None:
    """Create the database aside: a kill amid the creation would leave half of it."""
    with TemporaryDirectory(prefix="optuna-") as folder:
        fresh = Path(folder) / "optuna.db"
        RDBStorage(f"sqlite:///{fresh}").remove_session()
        write_aside(file, fresh.read_bytes())

"""The Optuna study of a tune: found or made, and put in order after a driver that was killed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pipeline.tune.database import check, missing, opening
from pipeline.tune.driver import ContestedError, abandoned, contested
from pipeline.tune.question import Question

if TYPE_CHECKING:
    from optuna import Study
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

__all__ = [
    "ENDED",
    "MESSAGE",
    "REACHED",
    "STEADIED",
    "annotate",
    "check_name",
    "count",
    "finished",
    "open_study",
    "proposed",
    "settle",
]

ENDED: Final = "ended"  # attribute of every trial that ended by itself, or was pruned
REACHED: Final = "reached"  # whether every replicate reached the goal
STEADIED: Final = "steadied"  # cost over several levels, log2; of one objective that is a cost
MESSAGE: Final = "message"  # why a trial failed
_QUESTION: Final = "batchscope.question"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_PARAMETERS: Final = frozenset({"batch_size", "learning_rate"})
_BOXES: Final = ("batch_sizes", "learning_rates")  # whether these may is another matter: boxes.py


def check_name(name: str) -> None:
    """Refuse a study name that another program could take for a path or an option.

    Args:
        name: Of the study; Optuna itself accepts anything.

    Raises:
        ValueError: If it has other characters, or is longer than 100.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"study is {name!r}; use 1 to 100 letters, digits, dots, dashes or underscores, a "
            "letter or digit first"
        )


def open_study(
    storage: str, name: str, question: Question, digest: str, ways: tuple[BaseSampler, BasePruner]
) -> Study:
    """The study of a name; made if there is none.

    A ValueError says that the database is another program's or does not answer, or that the study
    asks something else.

    Args:
        storage: URL of its database, which nothing but Optuna may use.
        name: Of the study.
        question: What it asks.
        digest: Of data, code and training settings.
        ways: Sampler and pruner.

    Returns:
        The study.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    check(storage)
    asked = json.loads(json.dumps(asdict(question) | {"digest": digest}))
    with opening(storage):
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["minimize" for _ in question.objectives],
            sampler=ways[0],
            pruner=ways[1],
            load_if_exists=True,
        )
        known = study.user_attrs.get(_QUESTION)
        if known is None and not study.get_trials(deepcopy=False):
            study.set_user_attr(_QUESTION, asked)
            return study
    _compare(name, known or {}, asked)
    return study


def finished(study: Study) -> list[FrozenTrial]:
    """Trials that count: those that have ended, but for what a killed driver left behind."""
    return [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.state.is_finished() and ENDED in trial.user_attrs
    ]


def count(storage: str, name: str) -> int:
    """How many trials of a study have ended; a storage or study that is missing is not made."""
    import optuna

    check(storage)
    if missing(storage):
        return 0
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with opening(storage):
            return len(finished(optuna.load_study(study_name=name, storage=storage)))
    except KeyError:
        return 0


def proposed(trial: FrozenTrial) -> bool:
    """Whether a trial has its whole setting: Optuna stores it one parameter at a time.

    A stop between the two leaves a trial with a batch size and no learning rate, for ever.
    """
    return trial.params.keys() >= _PARAMETERS


def settle(study: Study, told: Callable[[FrozenTrial], bool]) -> int:
    """Put trials in order that run nowhere: a killed driver leaves them RUNNING for ever.

    Those of a driver that may live are left alone. Another process may be settling too.

    Args:
        study: Whose trials.
        told: Tells Optuna a trial's values if the ledger has them; says whether it did.

    Returns:
        How many were given up: marked FAIL, and their settings queued again. Those that were
        stopped before they had their whole setting are marked only.
    """
    from optuna.trial import TrialState

    given_up = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if not abandoned(trial):
            continue
        with suppress(ContestedError), contested(study.study_name):
            if proposed(trial) and told(trial):
                continue
            study.tell(trial.number, state=TrialState.FAIL)
            if proposed(trial):
                study.enqueue_trial(trial.params)
                given_up += 1
    return given_up


def annotate(
    study: Study, trial: FrozenTrial, attributes: Mapping[str, str | bool | float]
) -> None:
    """Set attributes of a running trial that another driver asked for.

    Args:
        study: The trial's.
        trial: Not ended yet.
        attributes: By name.
    """
    # Optuna lets only those who asked for a trial annotate it, but keeps all in the storage.
    for name, value in attributes.items():
        study._storage.set_trial_user_attr(trial._trial_id, name, value)  # pyright: ignore[reportPrivateUsage]


def _compare(name: str, known: dict[str, Any], asked: dict[str, Any]) -> None:
    differing = [key for key in asked if key not in _BOXES and known.get(key) != asked[key]]
    if not differing:
        return
    what = (
        f"{differing[0]} was {known.get(differing[0], 'not given')}, not {asked[differing[0]]}"
        if differing != ["digest"]
        else "data, source code, training settings or budget were others"
    )
    raise ValueError(
        f"study {name} is there already and asks something else ({what}): their values do not "
        "compare; give another name with --study"
    )

"""Tune: the setting that suits a model best, searched by Optuna."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pipeline.engines.worker import QUIET_SECONDS
from pipeline.manifest import read_manifest
from pipeline.study.session import Session, design_of, session
from pipeline.threads import sampling
from pipeline.tune.answer import Answer, answer, best_so_far
from pipeline.tune.database import answering
from pipeline.tune.method import Method, study_of
from pipeline.tune.progress import Progress
from pipeline.tune.question import TO_GOAL, Question
from pipeline.tune.races import Races
from pipeline.tune.rungs import RUNGS, Rungs
from pipeline.tune.samplers import pruner, sampler
from pipeline.tune.search import Limits, Search
from pipeline.tune.storage import check_name, count, finished

if TYPE_CHECKING:
    from pipeline.design import Design
    from pipeline.settings import Settings
    from pipeline.study.places import Places

__all__ = ["check", "default_name", "plan", "search", "tune"]


def tune(
    question: Question,
    method: Method,
    limits: Limits,
    study: tuple[str, str],
    where: tuple[Settings, Places],
) -> Answer:
    """Search until the limits are met, going on where an earlier call stopped.

    Args:
        question: What is asked.
        method: How to search.
        limits: When to end.
        study: URL of the storage, and name.
        where: Settings whose optimiser, budget and tracking are used, and places of the data.

    Returns:
        What the study found so far.
    """
    settings, places = where
    check_name(study[1])
    quiet = QUIET_SECONDS if method.pruner == "none" else 0.0  # pruners want every evaluation
    with session("tune", settings, places, quiet) as opened:
        return search(question, method, limits, study, opened)


def default_name(settings: Settings, question: Question) -> str:
    """Name of the study of a question, if nobody gives another."""
    words = ("tune", settings.data.dataset, question.model, *question.objectives)
    return re.sub(r"[^A-Za-z0-9.-]", "_", "-".join(words))


def plan(
    question: Question,
    method: Method,
    trials: int,
    study: tuple[str, str],
    where: tuple[Settings, Places],
) -> dict[str, str | int]:
    """What a tune would do; nothing is written.

    Args:
        question: What is asked.
        method: How to search.
        trials: Of the study in all.
        study: URL of the storage, and name.
        where: Settings and places.

    Returns:
        By name, as a person would read it.
    """
    settings, places = where
    check_name(study[1])
    design = design_of(settings, read_manifest(places.prepared))
    check(question, design)
    sampler(method.sampler, question, started=method.startup, seed=method.seed)
    pruner(method.pruner, question)
    races = Races(question, design)
    (low, high), (bottom, top) = question.batch_sizes, question.learning_rates
    quantity = f"validation {question.quantity}"
    return {
        "study": study[1],
        "storage": study[0],
        "model": question.model,
        "minimise": " and ".join(question.objectives),
        "goal": f"{quantity} {question.goal:g}" if TO_GOAL & {*question.objectives} else "none",
        "batch sizes": f"{low:,}..{high:,}",
        "learning rates": f"{bottom:g}..{top:g}",
        "sampler": f"{method.sampler}, after {method.startup} trials spread over the space",
        "pruner": method.pruner,
        "trials": trials,
        "finished so far": count(*study),
        "replicates": question.replicates,
        "examples of a trial, at most": max(races.max_examples(size) for size in (low, high)),
    }


def search(
    question: Question, method: Method, limits: Limits, study: tuple[str, str], opened: Session
) -> Answer:
    """Search within a session.

    Args:
        question: What is asked.
        method: How to search.
        limits: When to end.
        study: URL of the storage, and name.
        opened: Its ledger, engine and mirror are used.

    Returns:
        What the study found so far.
    """
    check(question, opened.design)
    opened.runner.open()
    with answering(study[0]):
        return _searched(question, method, limits, study, opened)


def _searched(
    question: Question, method: Method, limits: Limits, study: tuple[str, str], opened: Session
) -> Answer:
    races = Races(question, opened.design)
    found = study_of(question, method, study, races.digest())
    done, say = len(finished(found)), opened.runner.say
    say(f"tune: study {study[1]} has {done:,} of {limits.trials:,} trials")
    progress = Progress(question, limits.trials, done, best_so_far(found, question), say)
    rungs = None if method.pruner == "none" else Rungs(question, _unit(races))
    search = Search(found, races, rungs, opened.runner, progress)
    with sampling(method.sampler):
        search.run(limits)
    return answer(found, question)


def check(question: Question, design: Design) -> None:
    """Refuse batch sizes that the model or the data can't be trained at.

    Args:
        question: What is asked.
        design: Of the study.

    Raises:
        ValueError: With the edge that is wrong, and the remedy.
    """
    low, high = question.batch_sizes
    if high > design.train_examples:
        raise ValueError(
            f"batch sizes are {low}..{high}, and the training split has {design.train_examples:,} "
            f"examples; give at most {low}..{design.train_examples}"
        )
    if why := design.infeasible(question.model, low):
        raise ValueError(f"{question.model} can't train at batch size {low} ({why}); raise LOW")


def _unit(races: Races) -> float:
    """One part of the budget, of as many as the last rung counts.

    For steps it is the budget of the largest batches, which have the fewest.
    """
    settings, examples = races.design.settings, races.design.train_examples
    high = races.question.batch_sizes[1]
    if races.question.objectives == ("steps",):
        return max(1.0, races.max_examples(high) / high / RUNGS[-1])
    return settings.sweep.budget.epochs * examples / RUNGS[-1]

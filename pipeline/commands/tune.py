"""`batchscope tune`: which batch size and learning rate suit a model best?"""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeVar, cast

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from pipeline.manifest import Manifest
    from pipeline.settings import Settings
    from pipeline.study.places import Places
    from pipeline.tune.question import Objective, Question

Number = TypeVar("Number", int, float)

__all__ = ["tune"]

_ANY_GOAL: Final = 0.5  # where no objective asks for one
_STORAGES: Final = "give --storage sqlite:///optuna.db or postgresql+psycopg://user@host/optuna"


def tune(
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help="Network; else the first of PARAMS.")
    ] = None,
    objective: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT",
            help="loss, error, steps, examples, seconds; two for the front.",
        ),
    ] = None,
    goal: Annotated[
        float | None, typer.Option(metavar="LEVEL", help="To reach; else the hardest of PARAMS.")
    ] = None,
    batch_sizes: Annotated[
        str | None, typer.Option(metavar="LOW..HIGH", help="Box; else that of PARAMS.")
    ] = None,
    learning_rates: Annotated[
        str | None, typer.Option(metavar="LOW..HIGH", help="Box; else that of PARAMS.")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, metavar="N", help="Earlier calls included.")] = 30,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="Seconds until no trial starts.")
    ] = None,
    replicates: Annotated[
        int, typer.Option(min=1, metavar="N", help="Of each setting; mean counts.")
    ] = 1,
    sampler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Else valley; of two, gp. Or tpe, cmaes, nsgaii, qmc, random."
        ),
    ] = None,
    pruner: Annotated[
        str, typer.Option(metavar="NAME", help="none, median, percentile, halving, hyperband.")
    ] = "none",
    startup: Annotated[
        int | None, typer.Option(min=2, metavar="N", help="Spread out first; else a third of N.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the search alone.")] = 0,
    study: Annotated[
        str | None, typer.Option(metavar="NAME", help="Optuna study; goes on if it exists.")
    ] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Optuna's database; else that of PARAMS.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes; else those of PARAMS.")
    ] = None,
    params: Annotated[Path, typer.Option(help="All other settings.")] = Path("params.yaml"),
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Search batch size and learning rate together; again, it goes on where it stopped.

    Examples:
        batchscope tune --model conv --objective examples --trials 18
        batchscope tune --objective steps --objective examples --batch-sizes 1..512
    """
    from pipeline.settings_file import load_settings
    from pipeline.study.places import Places
    from pipeline.study.preparation import ensure_prepared, prepared_folder
    from pipeline.study.tune import default_name, plan
    from pipeline.study.tune import tune as search
    from pipeline.tracking.address import redacted
    from pipeline.tune.method import Method, default_sampler
    from pipeline.tune.search import Limits

    base = load_settings(params)
    settings = _settings(base, model, workers, storage)
    places, objectives = Places("tune", prepared=prepared_folder(base.data)), objective or ["loss"]
    manifest = ensure_prepared(base.data)
    settings = settings.with_goals(_levels(base, places, objectives, goal))
    question = _question(
        settings,
        manifest,
        tuple(objectives),
        goal,
        (_box("--batch-sizes", batch_sizes, int), _box("--learning-rates", learning_rates, float)),
        replicates,
    )
    chosen = sampler or default_sampler(question)
    method = Method(chosen, pruner, startup or max(4, trials // 3), seed)
    where = (_storage(settings, storage), study or default_name(settings, question))
    if dry_run:
        planned = plan(question, method, trials, where, (settings, places))
        typer.echo(
            _json(planned) if as_json else "\n".join(f"{k}: {v}" for k, v in planned.items())
        )
        return
    limits = Limits(trials, math.inf if timeout is None else timeout)
    try:
        found = search(question, method, limits, where, (settings, places))
    except KeyboardInterrupt:
        typer.echo(f"stopped. The same command goes on with study {where[1]}.", err=True)
        sys.exit(130)
    typer.echo(
        _json(found.document() | {"storage": redacted(where[0])}) if as_json else found.text()
    )


def _levels(
    settings: Settings, places: Places, objectives: list[str], goal: float | None
) -> tuple[float, ...]:
    """The goals; those that are auto are looked up in the ledger where one is needed."""
    from pipeline.study.pilot import filed_goals
    from pipeline.tune.question import TO_GOAL

    if settings.sweep.goals.levels != "auto":
        return settings.sweep.goals.levels
    if goal is None and set(objectives) & TO_GOAL:
        return filed_goals(settings, places).sweep.goals.numbers
    return (_ANY_GOAL if goal is None else goal,)


def _settings(
    settings: Settings, model: str | None, workers: int | None, storage: str | None
) -> Settings:
    """Settings of a study of one model, whose name is checked."""
    from models.registry import check_name
    from pipeline.commands.study.options import refuse_empty

    refuse_empty(("--model", model), ("--storage", storage))
    chosen = model or settings.models[0]
    check_name(chosen)
    training = settings.training.model_copy(update={"workers": workers} if workers else {})
    tracking = settings.tracking.model_copy(update={"storage": storage} if storage else {})
    changed = {"models": (chosen,), "training": training, "tracking": tracking}
    return settings.model_copy(update=changed)


def _storage(settings: Settings, option: str | None) -> str:
    """Where the study goes.

    Raises:
        StorageError: If it is no URL of a database, with where it came from; without Optuna there
            is no tune, so turning its mirror off is no remedy.
    """
    from pipeline.studies.address import StorageError, storage_url

    try:
        return storage_url(settings.tracking, os.environ)
    except StorageError as error:
        key = "--storage" if option else error.key
        raise StorageError(error.url, error.problem, key, _STORAGES) from None


def _question(
    settings: Settings,
    manifest: Manifest,
    objectives: tuple[str, ...],
    goal: float | None,
    boxes: tuple[tuple[int, int] | None, tuple[float, float] | None],
    replicates: int,
) -> Question:
    """What is asked; what was not given is as in the settings."""
    from pipeline.batch_sizes import resolved_batch_sizes
    from pipeline.tune.question import Question

    sizes = resolved_batch_sizes(settings, manifest.train_examples)
    rates = settings.sweep.learning_rates
    return Question(
        model=settings.models[0],
        objectives=cast("tuple[Objective, ...]", objectives),  # it checks them
        quantity=settings.sweep.goals.quantity,
        goal=settings.sweep.goals.hardest if goal is None else goal,
        batch_sizes=boxes[0] or (sizes[0], sizes[-1]),
        learning_rates=boxes[1] or (rates.low, rates.high),
        replicates=replicates,
    )


def _box(
    option: str, text: str | None, number: Callable[[str], Number]
) -> tuple[Number, Number] | None:
    """Both edges of LOW..HIGH; None where the option was not given.

    Raises:
        ValueError: If it reads otherwise.
    """
    if text is None:
        return None
    low, dots, high = text.partition("..")
    try:
        if dots:
            return number(low), number(high)
    except ValueError:
        pass
    example = "8..512" if number is int else "0.01..3"
    raise ValueError(f"{option} is {text!r}; give two numbers as LOW..HIGH, such as {example}")


def _json(document: object) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)

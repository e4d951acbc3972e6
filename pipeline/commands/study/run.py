"""`batchscope study run`: start or go on with a study, without DVC."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.commands.study import options as given

if TYPE_CHECKING:
    from pipeline.study.catalogue import Entry

__all__ = ["run"]


def run(
    model: given.Models = None,
    batch_sizes: given.BatchSizes = None,
    learning_rates: given.LearningRates = None,
    points: given.Points = None,
    replicates: given.Replicates = None,
    goal: given.Goals = None,
    design: given.Design = None,
    search: given.Search = None,
    workers: given.Workers = None,
    storage: given.Storage = None,
    settings: given.Sets = None,
    params: given.Params = None,
    name: given.Name = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would train.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Start a sensitivity study, or go on with it. It shares all trials with dvc repro.

    Options override params.yaml, or a known --name's own. The same command goes on after Ctrl-C.

    Examples:
      batchscope study run --model conv --batch-sizes 8,64

      batchscope study run --params studies/quick.yaml --set sweep.race=off --dry-run
    """
    from pipeline.study.guard import orderly

    low, high = given.box("--learning-rates", learning_rates)
    changes: given.Changes = {
        "models": ("--model", given.listed(model)),
        "sweep.batch_sizes": ("--batch-sizes", given.listed(batch_sizes)),
        "sweep.learning_rates.low": ("--learning-rates", low),
        "sweep.learning_rates.high": ("--learning-rates", high),
        "sweep.learning_rates.points": ("--points", _text(points)),
        "sweep.replicates": ("--replicates", _text(replicates)),
        "sweep.goals.levels": ("--goal", given.listed(goal)),
        "sweep.design": ("--design", design),
        "sweep.search.sampler": ("--search", search),
        "training.workers": ("--workers", workers),
        "tracking.storage": ("--storage", json.dumps(storage) if storage else storage),
    }
    found = given.chosen(name, params, given.overrides(changes, settings))
    with orderly():
        outcome = _dry(found) if dry_run else _train(found)
    typer.echo(json.dumps(outcome, indent=2) if as_json else _lines(outcome))


def _text(value: int | None) -> str | None:
    return None if value is None else str(value)


def _dry(found: Entry) -> dict[str, Any]:
    from pipeline.study.cost import cost
    from pipeline.study.guard import say
    from pipeline.study.preparation import ensure_prepared
    from pipeline.study.survey import survey

    ensure_prepared(found.settings.data)
    return {"study": found.name, **cost(found, survey(found, say))}


def _train(found: Entry) -> dict[str, Any]:
    from pipeline.study.guard import say
    from pipeline.study.run import run as run_study
    from pipeline.study.summary import summary

    run_study(found)
    return summary(found, say)


def _lines(outcome: dict[str, Any]) -> str:
    from pipeline.study.wording import cost_lines, summary_lines

    return "\n".join(cost_lines(outcome) if "most" in outcome else summary_lines(outcome))

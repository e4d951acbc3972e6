"""`batchscope datasets`: which data sets there are, under which terms, and how to cite them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.dataset_specification import DatasetSpecification

__all__ = ["datasets"]


def datasets(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead.")] = False,
) -> None:
    """List the registered data sets: sizes, licence and citation.

    Example: batchscope datasets --json
    """
    import json

    from pipeline.datasets import names, specification

    known = [specification(name) for name in names()]
    if as_json:
        typer.echo(json.dumps([_facts(dataset) for dataset in known], indent=2))
        return
    typer.echo(f"{'name':14}{'examples':>9}  {'image':9}{'classes':>8}  licence")
    for dataset in known:
        task = dataset.task
        examples = f"{dataset.examples:,}" if dataset.examples else "yours"
        image = f"{task.channels}×{task.height}×{task.width}" if task else "yours"
        classes = task.classes if task else "yours"
        typer.echo(f"{dataset.name:14}{examples:>9}  {image:9}{classes:>8}  {dataset.licence}")
    typer.echo("\nCite, please:")
    for dataset in known:
        typer.echo(f"  {dataset.name}: {dataset.citation}")


def _facts(dataset: DatasetSpecification) -> dict[str, object]:
    task = dataset.task
    return {
        "name": dataset.name,
        "examples": dataset.examples,
        "channels": task.channels if task else None,
        "height": task.height if task else None,
        "width": task.width if task else None,
        "classes": task.classes if task else None,
        "origin": dataset.origin,
        "licence": dataset.licence,
        "citation": dataset.citation,
    }

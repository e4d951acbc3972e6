"""Options that change settings: what each stands for in params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.settings_document import Override
    from pipeline.study.catalogue import Entry

__all__ = [
    "BatchSizes",
    "Changes",
    "Design",
    "Goals",
    "LearningRates",
    "Models",
    "Name",
    "Params",
    "Points",
    "Replicates",
    "Search",
    "Sets",
    "Storage",
    "Workers",
    "box",
    "chosen",
    "listed",
    "overrides",
    "refuse_empty",
]

Models = Annotated[
    list[str] | None,
    typer.Option("--model", help="Network; give it again for more.", show_default=False),
]
BatchSizes = Annotated[
    str | None, typer.Option(metavar="N,N,...", help="Examples per step; `full` is the split.")
]
LearningRates = Annotated[str | None, typer.Option(metavar="LOW..HIGH", help="The box searched.")]
Points = Annotated[int | None, typer.Option(help="Learning rates per cell and replicate.")]
Replicates = Annotated[int | None, typer.Option(help="Repetitions of the sweep.")]
Goals = Annotated[
    list[str] | None,
    typer.Option("--goal", help="Level, again for more; or auto.", show_default=False),
]
Design = Annotated[str | None, typer.Option(metavar="grid|sobol|random", help="The first points.")]
Search = Annotated[
    str | None,
    typer.Option(metavar="zoom|gp|tpe|cmaes|random|none", help="What searches after the grid."),
]
Workers = Annotated[str | None, typer.Option(metavar="N|auto", help="Worker processes.")]
Storage = Annotated[str | None, typer.Option(metavar="URL", help="Optuna storage to mirror to.")]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Any other setting, dotted.", show_default=False
    ),
]
Params = Annotated[Path | None, typer.Option(help="Else a known study's own, or params.yaml.")]
Name = Annotated[str | None, typer.Option(help="Of the study; made from its settings if absent.")]

Changes = dict[str, tuple[str, str | None]]  # option and YAML text, or None, by dotted key


def overrides(changes: Changes, sets: list[str] | None) -> list[Override]:
    """Changes to settings from options.

    Args:
        changes: Option and YAML text by dotted key; those whose text is None were not given.
        sets: ``key=value`` pairs of ``--set``.

    Returns:
        Overrides, those of ``--set`` last.

    Raises:
        ValueError: If a pair of ``--set`` has no key or value.
    """
    from pipeline.settings_document import Override

    refuse_empty(*changes.values())
    made = [
        Override(tuple(key.split(".")), text, option)
        for key, (option, text) in changes.items()
        if text is not None
    ]
    for pair in sets or []:
        key, equals, text = pair.partition("=")
        if not (key.strip() and equals and text.strip()):
            raise ValueError(f"--set is {pair!r}: write key=value, such as sweep.race=off")
        made.append(Override(tuple(key.strip().split(".")), text, f"--set {pair}"))
    return made


def refuse_empty(*given: tuple[str, str | None]) -> None:
    """Refuse ``--option "$UNSET"``, which would mean the default.

    Args:
        given: Option and text, or None where it was not given; an empty YAML list is empty too.

    Raises:
        ValueError: If one is empty.
    """
    for option, text in given:
        if text is not None and not text.strip(" []"):
            raise ValueError(f"{option} is empty; give it a value, or leave it out")


def chosen(name: str | None, params: Path | None, changes: list[Override]) -> Entry:
    """The study that name and options mean; nothing is written.

    A known name is the study as it was last run, with the changes, so that naming it again extends
    it; a settings file given as well begins it anew. A new name begins with a settings file.

    Args:
        name: Given or not.
        params: The settings file, None where none was given: params.yaml, unless the name is known.
        changes: Of the command line.

    Returns:
        The study.
    """
    from pipeline.settings_file import load_settings
    from pipeline.study.catalogue import default_name, entry, known, new_entry
    from pipeline.study.places import PARAMS

    if name and params is None and known(name):
        return entry(name, changes)
    file = params or PARAMS
    settings = load_settings(file, changes)
    return new_entry(name or default_name(file, load_settings(file), settings), settings)


def box(option: str, text: str | None) -> tuple[str | None, str | None]:
    """The two ends of ``LOW..HIGH``, or nothing where it was not given.

    Args:
        option: That it was given with.
        text: What was given.

    Returns:
        Low and high as written.

    Raises:
        ValueError: If there are not two ends.
    """
    if text is None:
        return None, None
    low, dots, high = text.partition("..")
    if not (low and dots and high):
        raise ValueError(f"{option} is {text!r}: write LOW..HIGH, such as 0.003..10")
    return low, high


def listed(values: Sequence[object] | str | None) -> str | None:
    """A YAML list of values, or of what commas separate, or auto; None where nothing was given."""
    if values is None or values == []:
        return None
    if list(values) == ["auto"]:
        return "auto"
    return f"[{values if isinstance(values, str) else ', '.join(map(str, values))}]"

"""`batchscope fit`: the critical batch size in a user's own measurements."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from pipeline.bounded import Bounded
    from pipeline.trade_off import TradeOff

__all__ = ["fit"]

_HEADER: Final = ("model", "answer", "value", "low", "high", "unit")


class Residuals(StrEnum):
    """What least squares are the squares of."""

    LOG = "log"
    LINEAR = "linear"


def fit(
    steps: Annotated[Path, typer.Argument(help="CSV: model,batch_size,steps[,replicate,ended].")],
    space: Annotated[
        Residuals, typer.Option(help="Residuals of the hyperbola: log steps, or steps.")
    ] = Residuals.LOG,
    confidence: Annotated[float, typer.Option(help="Level of the intervals.")] = 0.95,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    figure: Annotated[Path | None, typer.Option(help="SVG of data and fits to write.")] = None,
) -> None:
    """Find the critical batch size in your own measurements of steps to a goal.

    A row of the CSV is a training run at its tuned learning rate: the steps it took, and how it
    ended if it did not reach the goal (exhausted, outraced, outpaced, diverged, failed,
    out_of_memory).

    Examples:
        batchscope fit steps.csv
        batchscope fit steps.csv --space linear --json
        batchscope fit steps.csv --figure trade-off.svg
    """
    from pipeline.commands.figure import check_figure, write_figure
    from pipeline.measurements import read_measurements
    from pipeline.trade_off import fit_trade_off

    _check_level(confidence)
    if figure is not None:
        check_figure(figure, steps)
    read = read_measurements(steps)
    fits = {
        model: fit_trade_off(measured, confidence, space.value)
        for model, measured in read.models.items()
    }
    if read.ignored:
        typer.echo(f"columns that are not read: {', '.join(read.ignored)}", err=True)
    if figure is not None:
        from pipeline.figures.fitted_steps import fitted_steps

        write_figure(figure, fitted_steps(read.models, fits, confidence, space.value).svg())
    if as_json:
        for line in _remarks(fits):
            typer.echo(line, err=True)
        document = {model: _record(found) for model, found in fits.items()}
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False))
        return
    typer.echo("\n".join(_page(fits, confidence, space.value)))
    if figure is not None:
        typer.echo(f"wrote {figure}")


def _check_level(confidence: float) -> None:
    if not 0.5 <= confidence <= 0.9999:
        raise ValueError(f"--confidence {confidence} is no level; give one from 0.5 to 0.9999")


def _record(found: TradeOff) -> dict[str, Any]:
    kept = ("s_min", "e_min", "b_crit", "lack_of_fit", "points")
    return {name: value for name, value in asdict(found).items() if name in kept}


def _remarks(fits: dict[str, TradeOff]) -> list[str]:
    return [f"{model}: {found.reason}" for model, found in fits.items() if found.reason]


def _page(fits: dict[str, TradeOff], confidence: float, space: str) -> list[str]:
    """Everything about the fits, as lines for people."""
    from pipeline.commands.columns import columns

    lines = [f"residuals in {space} steps, {100 * confidence:.4g} % limits"]
    rows = [
        [model, name, *_cells(answer), unit]
        for model, found in fits.items()
        for name, answer, unit in _answers(found)
    ]
    lines.append(columns(_HEADER, rows))
    for model, found in fits.items():
        tested = found.lack_of_fit
        said = (
            f"p = {tested.p_value:.2g} (F = {tested.statistic:.3g}, {tested.dof[0]} and "
            f"{tested.dof[1]} degrees of freedom)"
            if tested
            else "not tested, no replicates differ"
        )
        lines.append(f"{model}: {found.points} batch sizes; lack of fit {said}")
    return [*lines, *_remarks(fits)]


def _answers(found: TradeOff) -> list[tuple[str, Bounded, str]]:
    critical = found.b_crit
    return [
        ("fewest steps", found.s_min, "steps"),
        ("fewest examples", found.e_min, "examples"),
        ("critical batch size: hyperbola", critical.hyperbola, "examples"),
        ("critical batch size: slope_half", critical.slope_half, "examples"),
        ("20 % more examples: overhead20", critical.overhead20, "examples"),
    ]


def _cells(answer: Bounded) -> list[str]:
    if not answer.resolved:
        return ["not resolved", "-", "-"]
    return ["-" if n is None else _number(n) for n in (answer.value, answer.low, answer.high)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 999.5 else f"{value:.3g}"

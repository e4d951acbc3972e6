"""`batchscope calibrate`: which kernel and cohort width train fastest on this device?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pipeline.kernel_choice import Choice, Timing
    from pipeline.settings import Settings
    from pipeline.study.calibrate import Calibration, CellTimes
    from pipeline.study.places import Places

__all__ = ["calibrate"]


def calibrate(
    params: Annotated[Path, typer.Option(help="Settings of the study.")] = Path("params.yaml"),
    width: Annotated[
        list[int] | None,
        typer.Option(min=2, metavar="N", help="A stacked width to measure; may be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, metavar="N", help="Turns; the median counts.")] = 3,
    seconds: Annotated[
        float, typer.Option(min=0.01, metavar="S", help="Length of a turn of a variant.")
    ] = 0.2,
    write: Annotated[bool, typer.Option("--write", help="Put the proposal into PARAMS.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Time both kernels and several widths for each cell, and propose settings.

    Milliseconds per optimiser step and member, on one thread as in a worker. Measure an idle
    machine. Another kernel trains its cells again; the width is free. Widths measured by default:
    2, the trials of a race, those of a cell, and the width in use.

    Examples:
        batchscope calibrate
        batchscope calibrate --width 8 --width 36 --rounds 5
        batchscope calibrate --write
    """
    from pipeline.settings_edit import write_settings
    from pipeline.settings_file import load_settings
    from pipeline.study.calibrate import Effort, widths_of
    from pipeline.study.calibrate import calibrate as measure

    settings = load_settings(params)
    places = _places(params, settings)
    widths = tuple(sorted(set(width or widths_of(settings))))
    shown = tuple(sorted({*widths, settings.training.cohort_width}))
    if not as_json:
        typer.echo(_head(shown))
    effort = Effort(widths, rounds, seconds)
    found = measure(
        settings,
        places,
        effort,
        lambda times: None if as_json else typer.echo(_line(times, shown)),
    )
    if write:
        write_settings(params, _changes(found.proposed))
    if as_json:
        typer.echo(json.dumps(_document(found, written=write), indent=1, ensure_ascii=False))
    else:
        typer.echo(_words(found, params, written=write))


def _places(params: Path, settings: Settings) -> Places:
    """Where the data that the settings name are.

    Raises:
        ValueError: If they are not prepared.
    """
    from pipeline.study.places import Places
    from pipeline.study.preparation import dvc_folder

    folder = dvc_folder(settings.data)
    if not folder.exists():
        raise ValueError(
            f"the data that {params} names ({settings.data.dataset}) are not prepared; run "
            f"batchscope study plan --no-time --params {params}, or dvc repro prepare for "
            "params.yaml"
        )
    return Places(prepared=folder)


def _head(widths: tuple[int, ...]) -> str:
    columns = "".join(f"{f'×{width}':>9}" for width in widths)
    return f"ms per step and member\n{'model':<16}{'batch':>7}{'solo':>9}{columns}  fastest"


def _line(times: CellTimes, widths: tuple[int, ...]) -> str:
    solo = times.of("solo", 1)
    columns = [solo, *(times.of("stacked", width) for width in widths)]
    text = f"{times.cell.model:<16}{times.cell.batch_size:>7,}" + "".join(map(_number, columns))
    best = min((t for t in columns if t), key=lambda t: t.median, default=None)
    if best and solo and best is not solo:
        text += f"  stacked ×{best.members}, {solo.median / best.median:.1f} times solo"
    elif best:
        text += "  solo"
    return "\n".join([text, *(f"{'':<16}{problem}" for problem in times.problems)])


def _number(timing: Timing | None) -> str:
    return f"{1000 * timing.median:>9.3f}" if timing else f"{'–':>9}"


def _words(found: Calibration, params: Path, *, written: bool) -> str:
    lines = ["", f"measured in {found.minutes:.1f} min"]
    if found.proposed == found.now:
        lines += [f"keep the settings of {params}: no others save more than noise can"]
        return "\n".join(lines)
    share = found.seconds_proposed / found.seconds_now
    lines += [
        f"proposed, predicted to take {share:.2f} of the time of the settings in use:",
        *(f"  {line}" for line in _yaml(found.proposed)),
    ]
    lines += [f"written to {params}" if written else "batchscope calibrate --write puts them there"]
    if _kernels(found.proposed) != _kernels(found.now):
        lines += ["cells whose kernel changes train again"]
    return "\n".join(lines)


def _yaml(choice: Choice) -> list[str]:
    overrides = ", ".join(f"{model}: {size}" for model, size in choice.overrides.items())
    return [
        "training:",
        "  kernel:",
        f"    stacked_up_to: {choice.stacked_up_to}",
        f"    overrides: {{{overrides}}}",
        f"  cohort_width: {choice.cohort_width}",
    ]


def _kernels(choice: Choice) -> tuple[int, dict[str, int]]:
    return choice.stacked_up_to, dict(choice.overrides)


def _changes(choice: Choice) -> dict[tuple[str | int, ...], object]:
    return {
        ("training", "kernel", "stacked_up_to"): choice.stacked_up_to,
        ("training", "kernel", "overrides"): choice.overrides,
        ("training", "cohort_width"): choice.cohort_width,
    }


def _document(found: Calibration, *, written: bool) -> dict[str, Any]:
    return {
        "cells": [
            {
                "model": times.cell.model,
                "batch_size": times.cell.batch_size,
                "seconds_per_step_and_member": [
                    {
                        "kernel": t.kernel,
                        "members": t.members,
                        "median": t.median,
                        "minimum": t.minimum,
                        "maximum": t.maximum,
                    }
                    for t in times.timings
                ],
                "problems": list(times.problems),
            }
            for times in found.cells
        ],
        "in_use": _plain(found.now, found.seconds_now),
        "proposed": _plain(found.proposed, found.seconds_proposed),
        "written": written,
    }


def _plain(choice: Choice, seconds: float) -> dict[str, Any]:
    stacked_up_to, overrides = _kernels(choice)
    return {
        "stacked_up_to": stacked_up_to,
        "overrides": overrides,
        "cohort_width": choice.cohort_width,
        "seconds_for_one_trial_of_each_cell": seconds if seconds < float("inf") else None,
    }

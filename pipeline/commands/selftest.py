"""`batchscope selftest`: does the pipeline find what is known of a solved problem?"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipeline.quadratic.comparison import CellCheck, Comparison

__all__ = ["selftest"]


def selftest(
    quick: Annotated[bool, typer.Option("--quick", help="Three batch sizes of eight.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Train a solved problem, and compare what the pipeline finds with the closed form.

    The noisy quadratic goes through prepare, sweep, confirm and analyse in a temporary folder;
    nothing is left behind. Exit status 1 if something differs by more than chance explains.

    Examples:
        batchscope selftest
        batchscope selftest --quick --json
    """
    from pipeline.exit_status import ExitStatus
    from pipeline.quadratic.setting import selftest_settings
    from pipeline.study.guard import orderly
    from pipeline.study.selftest import selftest as run

    with orderly("Nothing is left behind; the same command begins anew."):
        found = run(selftest_settings(quick=quick))
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1))
    else:
        typer.echo("\n".join(_lines(found)))
    if found.faults():
        sys.exit(ExitStatus.PROBLEM)


def _lines(found: Comparison) -> list[str]:
    cells = found.cells
    missed = sum(not cell.covered for cell in cells)
    return [
        f"{'':>7}  {'mean loss at closed form’s steps':^34}  {'tuned learning rate':^36}  "
        f"{'window (decades)':^16}  {'confirmed steps':^20}",
        f"{'batch':>7}  {'steps':>8}{'loss':>9}{'goal':>9}{'errors':>8}  "
        f"{'found':>8}{'interval':>18}{'truth':>10}  {'found':>8}{'truth':>8}  "
        f"{'found':>7}{'truth':>7}{'errors':>8}",
        *map(_row, cells),
        f"intervals that miss: {missed} of {len(cells)}, chance explains {found.misses_allowed}; "
        f"windows {found.window_ratio:.2f} times the truth, 0.90 to 1.10 is good",
        *(f"MISS  {fault}" for fault in found.faults()),
        "" if found.faults() else "all as it should be",
    ]


def _row(cell: CellCheck) -> str:
    truth, measured = cell.truth, cell.measured
    steps = cell.document()["confirmed"]
    interval = f"{measured.low:.3g} to {measured.high:.3g}"
    return (
        f"{truth.batch_size:>7,}  {truth.optimum.steps:>8,.1f}{cell.mean_loss:>9.5f}"
        f"{cell.goal:>9.5f}{cell.loss_errors:>+8.1f}  "
        f"{measured.tuned:>8.3g}{interval:>18}{truth.tuned.learning_rate:>9.3g}"
        f"{' ' if cell.covered else '!'}  {measured.window:>8.2f}{truth.window:>8.2f}  "
        f"{steps['steps']:>7,.0f}{steps['truth']:>7,.0f}{cell.step_errors:>+8.1f}"
    )

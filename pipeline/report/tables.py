"""The report's tables, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pipeline.outcome import Ended
from pipeline.report.findings import bounded, critical_batch_size
from pipeline.report.finickiness_tables import regret_table, verdict_table
from pipeline.report.table import Table
from pipeline.wording import UNRESOLVED, number, p_value, percent, span

if TYPE_CHECKING:
    from pipeline.figures.evidence import CellEstimate, Estimates, FixedBudget
    from pipeline.report.lone_runs import LoneRuns

__all__ = ["Table", "tables"]

_DOUBT: Final = "the fitted form misfits; read the slope's"


def tables(estimates: Estimates, lone: LoneRuns) -> tuple[Table, ...]:
    """Every table, in the order of the page."""
    return (
        _settings(estimates),
        _critical(estimates),
        _time(estimates, lone),
        regret_table(estimates),
        verdict_table(estimates),
        _infeasible(estimates),
        _endings(estimates),
    )


def _settings(estimates: Estimates) -> Table:
    return Table(
        "settings",
        f"Tuned settings, {estimates.goal_quantity} at most {estimates.level()}; in brackets the "
        f"{estimates.interval_name}",
        (
            "Model",
            "Batch size",
            "Tuned learning rate",
            "At an edge of what was tried",
            "Confirmed at",
            "Steps to goal",
            "Examples to goal",
            "Reached",
            "Test error, full budget",
        ),
        tuple(_setting(estimates, cell) for cell in estimates.cells if cell.feasible),
        "No cell of this study is feasible.",
    )


def _setting(estimates: Estimates, cell: CellEstimate) -> tuple[str, ...]:
    goal, tuned = cell.goal(estimates.hardest), cell.tuned
    return (
        cell.model,
        f"{cell.batch_size:,}",
        span(tuned.rate) if tuned else UNRESOLVED,
        (tuned.edge if tuned else "") or "no",
        number(tuned.confirmed) if tuned and tuned.confirmed is not None else "not trained",
        span(goal.steps) if goal else UNRESOLVED,
        span(goal.examples) if goal else UNRESOLVED,
        f"{goal.reached} of {goal.replicates}" if goal else "not trained",
        _error(cell.final.get("tuned")),
    )


def _error(budget: FixedBudget | None) -> str:
    if budget is None:
        return "not trained"
    lost = f"; {budget.diverged} of {budget.replicates} diverged" if budget.diverged else ""
    return span(budget.test_error, percent) + lost


def _critical(estimates: Estimates) -> Table:
    return Table(
        "critical",
        "Critical batch sizes, fitted by least squares in log steps; in brackets the "
        f"{estimates.interval_name}",
        (
            "Model",
            f"Goal ({estimates.goal_quantity})",
            "Critical batch size (examples)",
            "By the slope",
            "20 % more examples at",
            "Fewest steps",
            "Fewest examples",
            "Batch sizes fitted",
            "Lack of fit (p)",
            "Remark",
        ),
        tuple(
            (
                model,
                f"at most {estimates.level(fit.goal)}",
                critical_batch_size(fit),
                bounded(fit.slope_half),
                bounded(fit.overhead20),
                bounded(fit.s_min),
                bounded(fit.e_min),
                str(fit.points),
                "not tested" if fit.misfit is None else p_value(fit.misfit),
                "; ".join(filter(None, (fit.reason, _DOUBT * estimates.misfits(fit)))) or "none",
            )
            for model in estimates.models
            for fit in estimates.trade_offs[model]
        ),
        "No trade-off was fitted.",
    )


def _time(estimates: Estimates, lone: LoneRuns) -> Table:
    return Table(
        "time",
        f"Time to {estimates.goal_quantity} of {estimates.level()} of one network trained alone on "
        f"{lone.machine or 'this machine'}: tuned steps times seconds per step, evaluations apart",
        ("Model", "Batch size", "Milliseconds per step", "Seconds to goal", "Remark"),
        tuple(
            (
                run.model,
                f"{run.batch_size:,}",
                number(1000 * run.seconds_per_step),
                span(run.seconds),
                ", ".join(
                    remark
                    for remark, best in (
                        ("fastest", lone.fastest(run.model)),
                        ("fewest examples", lone.thriftiest(run.model)),
                    )
                    if best is run
                )
                or "none",
            )
            for run in lone.runs
        ),
        "No step was timed.",
    )


def _infeasible(estimates: Estimates) -> Table:
    return Table(
        "infeasible",
        "Infeasible cells: combinations that cannot be trained, and why",
        ("Model", "Batch size", "Reason"),
        tuple(
            (cell.model, f"{cell.batch_size:,}", cell.reason)
            for cell in estimates.cells
            if not cell.feasible
        ),
        "Every cell of this study is feasible.",
    )


def _endings(estimates: Estimates) -> Table:
    return Table(
        "ended",
        "How the sweep's trials ended, in numbers of trials",
        ("Model", "Batch size", *(_words(ended) for ended in Ended), "all"),
        tuple(
            (
                cell.model,
                f"{cell.batch_size:,}",
                *(f"{cell.ended.get(ended, 0):,}" for ended in Ended),
                f"{sum(cell.ended.values()):,}",
            )
            for cell in estimates.cells
            if cell.feasible
        ),
        "The sweep has no trials.",
    )


def _words(ended: Ended) -> str:
    return ended.replace("_", " ")

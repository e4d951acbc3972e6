"""From estimates.json, as parsed, to plain frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipeline.figures.evidence import (
    BoundedInterval,
    CellEstimate,
    Estimates,
    FixedBudget,
    GoalSteps,
    TradeOff,
    TunedRate,
)
from pipeline.figures.probe_evidence import read_probes
from pipeline.figures.regret_evidence import read_finickiness
from pipeline.figures.trait_evidence import read_traits
from pipeline.intervals import Interval

__all__ = ["read_estimates"]

Json = Mapping[str, Any]


def read_estimates(document: Json) -> Estimates:
    """Take estimates.json, as parsed and of this version's schema, into plain values."""
    models: Json = document["models"]
    return Estimates(
        dataset=document["dataset"],
        confidence=document["confidence"],
        quantity=document["quantity"],
        goals=tuple(document["goals"]),
        train_examples=document["train_examples"],
        epochs=document["epochs"],
        reference_batch_size=document["reference_batch_size"],
        models=tuple(models),
        cells=tuple(
            _cell(name, cell)
            for name, model in models.items()
            for cell in sorted(model["cells"], key=lambda cell: int(cell["batch_size"]))
        ),
        trade_offs={
            name: tuple(_trade_off(fit) for fit in model["trade_off"])
            for name, model in models.items()
        },
        finickiness=read_finickiness(document),
        traits={name: read_traits(model) for name, model in models.items()},
    )


def _cell(model: str, cell: Json) -> CellEstimate:
    return CellEstimate(
        model=model,
        batch_size=cell["batch_size"],
        feasible=cell["feasible"],
        reason=cell["reason"],
        ended=dict(cell.get("ended") or {}),
        tuned=_tuned(cell.get("tuned_learning_rate")),
        goals=tuple(_goal(goal) for goal in cell.get("goals") or ()),
        plain=_fixed(cell.get("plain")),
        final=_fixed(cell.get("final")),
        probes=read_probes(cell.get("probes")),
    )


def _interval(numbers: Json | None) -> Interval:
    return Interval(**{name: (numbers or {}).get(name) for name in ("value", "low", "high")})


def _tuned(tuned: Json | None) -> TunedRate | None:
    if tuned is None:
        return None
    return TunedRate(_interval(tuned), tuned["edge"], tuned["method"], tuned["confirmed"])


def _goal(goal: Json) -> GoalSteps:
    return GoalSteps(
        goal["goal"],
        _interval(goal["steps"]),
        _interval(goal["examples"]),
        goal["reached"],
        goal["replicates"],
    )


def _fixed(rules: Json | None) -> dict[str, FixedBudget]:
    return {
        rule: FixedBudget(
            _interval(budget["validation_error"]),
            _interval(budget["test_error"]),
            _interval(budget["validation_loss"]),
            budget["replicates"],
            budget["diverged"],
        )
        for rule, budget in (rules or {}).items()
        if budget is not None
    }


def _trade_off(fit: Json) -> TradeOff:
    critical: Json = fit["b_crit"]
    misfit: Json = fit["lack_of_fit"] or {}
    return TradeOff(
        goal=fit["goal"],
        s_min=_bounded(fit["s_min"]),
        e_min=_bounded(fit["e_min"]),
        critical=_critical(critical["hyperbola"]),
        overhead20=_critical(critical["overhead20"]),
        slope_half=_critical(critical["slope_half"]),
        misfit=misfit.get("p_value"),
        points=fit["points"],
        resolved=fit["resolved"],
        reason=fit["reason"],
    )


def _critical(found: Json) -> BoundedInterval | None:
    if found["low"] is None and found["high"] is None:
        return None
    return _bounded(found)


def _bounded(found: Json) -> BoundedInterval:
    return BoundedInterval(_interval(found), found["bound"])

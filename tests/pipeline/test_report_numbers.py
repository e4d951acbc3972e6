from __future__ import annotations

import csv
import io
import json
import re
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import vl_convert
from dvc_render.vega import VegaRenderer

from pipeline.estimates import estimates
from pipeline.figures import Study, gather, read_estimates
from pipeline.report import lone_runs, metrics, plots
from pipeline.report.findings import critical_batch_size, findings
from pipeline.report.finickiness_tables import regret_table
from pipeline.report.overview import overview, rates, steps_between
from pipeline.report.tables import tables
from pipeline.wording import span
from tests.pipeline.edge_studies import (
    EDGES,
    PARAMS,
    SECONDS,
    settings_for,
    study_at,
    synthetic_tables,
)
from tests.pipeline.synthetic import INFEASIBLE, TRAIN_EXAMPLES

ROOT = PARAMS.parent
MODELS = ("mlp", "conv", "lenet")
SIZES = (1, 4, 16, 64, 256, TRAIN_EXAMPLES)


SETTINGS = settings_for(MODELS, SIZES)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return estimates(synthetic_tables(), SETTINGS, dataset="digits", train_examples=TRAIN_EXAMPLES)


@pytest.fixture(scope="module")
def study(document: dict[str, Any]) -> Study:
    box = SETTINGS.sweep.learning_rates
    return gather(read_estimates(document), synthetic_tables(), box)


@pytest.mark.parametrize("edge", EDGES)
def test_every_number_found_has_an_interval_or_says_that_it_has_none(edge: str) -> None:
    study = study_at(edge)
    for finding in findings(study.estimates):
        for sentence in finding.sentences:
            assert sentence.endswith(".")
            assert "None" not in sentence
            assert "nan" not in sentence
            if not sentence.startswith("It cannot train"):
                whole = r"\([\d.,]+(\u00a0%)? to [\d.,]+|not resolved|is at (least|most) \d"
                assert re.search(whole, sentence)


def test_findings_of_a_study_with_a_known_answer(study: Study) -> None:
    lenet = next(finding for finding in findings(study.estimates) if finding.model == "lenet")
    text = " ".join(lenet.sentences)
    assert f"cannot train at batch size 1: {INFEASIBLE}." in text
    fit = study.estimates.trade_off("lenet", 0.05)
    assert f"critical batch size is {critical_batch_size(fit)} examples" in text
    assert "replicates diverged: 5 of 5 at batch size 4" in text


def test_critical_batch_size_is_a_bound_where_it_is_not_bracketed(study: Study) -> None:
    fit = study.estimates.trade_off("mlp", 0.05)
    assert fit is not None
    assert fit.critical is not None
    interval = replace(fit.critical.interval, value=None, low=700.0, high=None)
    bounded = replace(fit, critical=replace(fit.critical, interval=interval, bound="lower"))
    assert critical_batch_size(bounded) == "at least 700"
    interval = replace(interval, low=None, high=3.0)
    bounded = replace(fit, critical=replace(fit.critical, interval=interval, bound="upper"))
    assert critical_batch_size(bounded) == "at most 3"
    assert critical_batch_size(replace(fit, resolved=False)) == "not resolved"
    assert critical_batch_size(None) == "not resolved"


def test_a_regret_that_counts_the_budget_has_no_upper_limit(
    document: dict[str, Any], study: Study
) -> None:
    """Trials that never reached the goal may cost any more: 2.28 is no limit of them."""
    changed = deepcopy(document)
    for model, low in (("mlp", 1.62), ("conv", None)):
        (found,) = (
            regret
            for regret in changed["models"][model]["finickiness"]["transfer_regret"]
            if (regret["rule"], regret["goal"]) == ("constant", 0.05)
        )
        high = None if low is None else 2.28
        found |= {"regret": {"value": 1.95, "low": low, "high": high}, "bound": "lower"}
    read = read_estimates(changed)
    said = {row[0]: row[2] for row in regret_table(read).rows if row[1] == "unchanged"}
    assert said["mlp"] == "at least 1.62"
    assert said["conv"] == "at least 1.95 (interval not resolved)"
    assert metrics(replace(study, estimates=read))["models"]["mlp"].items() >= {
        ("transfer_regret", 1.95),
        ("transfer_regret_low", 1.62),
        ("transfer_regret_high", None),
        ("transfer_regret_bound", "lower"),
    }


def test_fewest_steps_and_examples_are_bounded_like_critical_batch_sizes(
    document: dict[str, Any],
) -> None:
    changed = deepcopy(document)
    fit = changed["models"]["mlp"]["trade_off"][-1]
    fit["s_min"] = {"value": None, "low": None, "high": 6.43, "bound": "upper"}
    fit["e_min"] = {"value": 995.0, "low": 804.0, "high": 1234.0, "bound": None}
    read = read_estimates(changed)
    critical = tables(read, lone_runs(read, SECONDS))[1]
    (row,) = (row for row in critical.rows if row[:2] == ("mlp", f"at most {read.level()}"))
    said = dict(zip(critical.columns, row, strict=True))
    assert said["Fewest steps"] == "at most 6.43"
    assert said["Fewest examples"] == "995 (804 to 1,234)"
    fit["s_min"] = {"value": None, "low": None, "high": None, "bound": "upper"}
    again = tables(read_estimates(changed), lone_runs(read, SECONDS))[1]
    assert (
        dict(zip(again.columns, again.rows[critical.rows.index(row)], strict=True))["Fewest steps"]
        == "not resolved"
    )


@pytest.mark.parametrize("edge", EDGES)
def test_the_overview_is_said_at_every_edge(edge: str) -> None:
    estimates = study_at(edge).estimates
    at_a_glance, every_rate = overview(estimates), rates(estimates)
    assert [row[0] for row in at_a_glance.rows] == list(estimates.models)
    assert [row[0] for row in every_rate.rows] == list(estimates.models)
    said = " ".join(
        value for table in (at_a_glance, every_rate) for row in table.rows for value in row
    )
    assert "None" not in said
    assert "nan" not in said
    assert len(steps_between(estimates)) == len(estimates.models) - 1


def test_the_overview_is_the_estimates(document: dict[str, Any]) -> None:
    changed = deepcopy(document)
    mlp = changed["models"]["mlp"]
    for one in mlp["finickiness"]["window"]:
        decades = {"value": one["factor"], "low": 0.5, "high": 3.0}
        one |= {"decades": decades, "bound": "lower", "resolved": True}
    mlp["finickiness"]["divergence"]["share"] = {"value": 0.25, "low": 0.125, "high": 0.375}
    fits = {fit["rule"]: fit for fit in mlp["scaling"]["fits"]}
    fits["saturating"]["shape"] = {"value": 24.0, "low": 19.0, "high": 30.0}
    mlp["scaling"]["best"] = "saturating"
    conv = changed["models"]["conv"]
    conv["finickiness"]["window"][0]["resolved"] = False
    conv["scaling"]["best"] = None
    read = read_estimates(changed)
    said = {row[0]: row for row in overview(read).rows}
    percent = "\u00a0%"
    assert said["mlp"][3:] == (
        "2 (0.5 to 3) or more",
        f"25.0{percent} (12.5{percent} to 37.5{percent})",
        "η_max / (1 + B_n / B), B_n = 24 (19 to 30)",
    )
    assert said["mlp"][1] == critical_batch_size(read.trade_off("mlp", 0.05))
    assert (said["conv"][3], said["conv"][5]) == ("not resolved", "not resolved")
    (row,) = (row for row in rates(read).rows if row[0] == "lenet")
    assert row[1] == "cannot train"
    tuned = next(cell.tuned for cell in read.of("lenet") if cell.batch_size == 64)
    assert tuned is not None
    assert row[4] == span(tuned.rate)


def test_steps_between_networks_say_what_the_second_loses(document: dict[str, Any]) -> None:
    """Verdicts are of the first less the second; a step is what comes on top."""
    changed = deepcopy(document)
    first, second = (pair for pair in changed["verdicts"]["pairs"] if pair["consecutive"])
    first |= {
        "corrected": {"value": -0.5, "low": -0.8, "high": -0.2},
        "more_finicky": first["second"],
    }
    second |= {
        "corrected": {"value": 0.25, "low": -0.5, "high": 1.0},
        "more_finicky": None,
        "detectable": 0.6,
    }
    assert steps_between(read_estimates(changed)) == (
        "From mlp to conv: more finicky, +0.50 octaves (+0.20 to +0.80).",
        "From conv to lenet: not resolved, -0.25 octaves (-1.00 to +0.50); a difference of 0.6 "
        "would have shown with a probability of 80\u00a0%.",
    )


def test_a_step_that_something_else_keeps_open_says_what(document: dict[str, Any]) -> None:
    changed = deepcopy(document)
    first = next(pair for pair in changed["verdicts"]["pairs"] if pair["consecutive"])
    first |= {
        "corrected": {"value": -0.5, "low": -0.8, "high": -0.2},
        "more_finicky": None,
        "detectable": 0.4,
        "reason": "2 goals, of 3 needed",
    }
    said = steps_between(read_estimates(changed))[0]
    assert said.endswith("not resolved, +0.50 octaves (+0.20 to +0.80); 2 goals, of 3 needed.")


def test_misfit_is_said(study: Study) -> None:
    fits = {
        model: tuple(replace(fit, misfit=0.001) for fit in fits)
        for model, fits in study.estimates.trade_offs.items()
    }
    doubted = findings(replace(study.estimates, trade_offs=fits))
    assert all("lack-of-fit p-value 0.001" in " ".join(found.sentences) for found in doubted)
    said = tables(replace(study.estimates, trade_offs=fits), lone_runs(study.estimates, SECONDS))[1]
    assert {row[-1] for row in said.rows} == {"the fitted form misfits; read the slope's"}


def test_tables_have_a_row_for_every_cell(study: Study) -> None:
    lone = lone_runs(study.estimates, SECONDS)
    settings_table, critical, time, regret, verdict, infeasible, ended = tables(
        study.estimates, lone
    )
    assert len(regret.rows) == 3 * 3
    assert len(verdict.rows) == 3
    assert len(settings_table.rows) == len(ended.rows) == 17
    assert len(critical.rows) == 9
    assert len(time.rows) == 17
    assert infeasible.rows == (("lenet", "1", INFEASIBLE),)
    trials = sum(int(row[-1].replace(",", "")) for row in ended.rows)
    assert trials == len(study.sweep)


def test_time_to_goal_is_steps_times_seconds(study: Study) -> None:
    lone = lone_runs(study.estimates, SECONDS)
    assert lone.machine == "a machine"
    of_mlp = [run for run in lone.runs if run.model == "mlp" and run.seconds.value is not None]
    for run in of_mlp:
        (cell,) = (c for c in study.estimates.of("mlp") if c.batch_size == run.batch_size)
        goal = cell.goal(study.estimates.hardest)
        assert goal is not None
        assert goal.steps.value is not None
        assert run.seconds.value == goal.steps.value * run.seconds_per_step
    assert lone.fastest("mlp") == min(of_mlp, key=lambda run: run.seconds.value or 0)
    assert lone.thriftiest("mlp") == min(of_mlp, key=lambda run: run.examples.value or 0)


def test_cells_that_broke_or_were_not_timed_have_no_time(study: Study) -> None:
    broken = SECONDS.assign(seconds_per_step=float("nan"))
    none = lone_runs(study.estimates, broken)
    assert (none.runs, none.fastest("mlp")) == ((), None)
    assert lone_runs(study.estimates, SECONDS.head(0)).machine == ""


def test_metrics_are_the_estimates(study: Study) -> None:
    found = metrics(study)
    cell = next(
        cell
        for cell in study.estimates.of("mlp")
        if cell.batch_size == study.estimates.reference_batch_size
    )
    assert found["models"]["mlp"]["reference_test_error"] == cell.final["tuned"].test_error.value
    steps = [
        goal.steps.value
        for cell in study.estimates.of("mlp")
        for goal in [cell.goal(0.05)]
        if goal is not None and goal.steps.value is not None
    ]
    assert found["models"]["mlp"]["fewest_steps"] == min(steps)
    assert sum(found["sweep_trials"].values()) == len(study.sweep)


def test_plots_keep_every_cell(study: Study) -> None:
    for name, column in (("steps_to_goal", "steps"), ("tuned_learning_rate", "learning_rate")):
        read = list(csv.DictReader(io.StringIO(plots(study.estimates)[name])))
        assert len(read) == 17
        assert all(float(row[column]) > 0 for row in read)
    plain = list(csv.DictReader(io.StringIO(plots(study.estimates)["plain_picture"])))
    assert len(plain) == 34
    lost = [row for row in plain if row["test_error"] == ""]
    assert lost
    assert all(row["diverged"] == row["replicates"] for row in lost)


@pytest.mark.parametrize(
    ("name", "y", "template"),
    [
        ("steps_to_goal", "steps", "batch_size_log"),
        ("tuned_learning_rate", "learning_rate", "batch_size_log"),
        ("plain_picture", "test_error", "batch_size_share"),
    ],
)
def test_dvc_templates_draw_the_plots(study: Study, name: str, y: str, template: str) -> None:
    read: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(plots(study.estimates)[name])))
    renderer = VegaRenderer(
        [{**row, "rev": "workspace"} for row in read],
        name,
        template=template,
        template_dir=str(ROOT / ".dvc" / "plots"),
        x="batch_size",
        y=y,
        x_label="Batch size (examples per step)",
        y_label=f"{y} here",
    )
    filled = renderer.get_filled_template()
    assert "DVC_METRIC" not in json.dumps(filled)
    svg = vl_convert.vegalite_to_svg(filled, vl_version="5.8", allowed_base_urls=[])
    for word in ("mlp", "conv", "lenet", "Batch size (examples per step)", f"{y} here", "64"):
        assert f">{word}</text>" in svg
    drawn = re.findall(r'aria-roledescription="point"', svg)
    assert len(drawn) == sum(row[y] != "" for row in read)

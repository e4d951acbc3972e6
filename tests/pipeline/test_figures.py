from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.figures import Study, draw
from pipeline.figures.figure import Figure
from pipeline.figures.transfer_regret import transfer_regret
from pipeline.intervals import Interval
from tests.pipeline.edge_studies import (
    settings_for,
    study_of,
    synthetic_tables,
)
from tests.pipeline.synthetic import TRAIN_EXAMPLES

NAMES = [
    "steps_to_goal",
    "examples_to_goal",
    "tuned_learning_rate",
    "plain_picture",
    "transfer_regret",
    "loss_against_learning_rate",
    "surface",
    "endings",
]
UNPROBED = ["noise_scale", "sharpness"]  # which have nothing to draw in the synthetic study


@pytest.fixture(scope="module")
def study() -> Study:
    settings = settings_for(("mlp", "conv", "lenet"), (1, 4, 16, 64, 256, TRAIN_EXAMPLES))
    return study_of(synthetic_tables(), settings)


@pytest.fixture(scope="module")
def figures(study: Study) -> dict[str, Figure]:
    return {figure.name: figure for figure in draw(study)}


def specification(figure: Figure) -> Any:
    made = figure.specification
    assert made is not None
    return made


def layers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    parts = spec.get("concat", [spec])
    return [layer for part in parts for layer in part["layer"]]


def rows(spec: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["datasets"][layer["data"]["name"]]


def mark(layer: dict[str, Any]) -> str:
    return layer["mark"]["type"]


def test_every_figure_is_drawn_in_the_order_of_the_report(figures: dict[str, Figure]) -> None:
    assert list(figures) == [*NAMES[:-1], *UNPROBED, NAMES[-1]]
    assert {name for name, figure in figures.items() if figure.chart is None} == set(UNPROBED)


@pytest.mark.parametrize("name", NAMES)
def test_every_axis_and_legend_says_what_it_is(figures: dict[str, Figure], name: str) -> None:
    spec = specification(figures[name])
    drawn = [layer for layer in layers(spec) if rows(spec, layer)]
    assert drawn
    for layer in drawn:
        for channel in ("x", "y"):
            encoding = layer["encoding"].get(channel, {})
            if "field" in encoding:
                assert encoding["title"]
    if "concat" in spec:
        assert [panel["title"]["text"] for panel in spec["concat"]] == ["mlp", "conv", "lenet"]


@pytest.mark.parametrize("name", NAMES)
def test_svg_holds_title_and_axis_titles_and_is_the_same_every_time(
    figures: dict[str, Figure], name: str
) -> None:
    svg = figures[name].svg()
    assert svg.startswith("<svg")
    assert f">{figures[name].title}<" in svg
    assert ">Learning rate<" in svg or ">Batch size (examples per step)<" in svg
    assert svg == figures[name].svg()


@pytest.mark.parametrize("name", ["steps_to_goal", "examples_to_goal", "tuned_learning_rate"])
def test_batch_sizes_are_ticked_as_measured(figures: dict[str, Figure], name: str) -> None:
    svg = figures[name].svg()
    for label in ("1", "4", "16", "64", "256", "1,347"):
        assert f">{label}</text>" in svg


def test_large_marks_are_the_estimates_and_faint_ones_every_replicate(
    study: Study, figures: dict[str, Figure]
) -> None:
    spec = specification(figures["steps_to_goal"])
    points = [layer for layer in layers(spec) if mark(layer) == "point"]
    large = rows(spec, points[-1])
    found = {
        (cell.model, cell.batch_size, goal.goal): goal.steps.value
        for cell in study.estimates.cells
        for goal in cell.goals
        if goal.steps.value is not None
    }
    assert sorted(row["steps"] for row in large) == pytest.approx(sorted(found.values()), rel=1e-5)
    faint = sum(len(rows(spec, layer)) for layer in points[:-1])
    assert faint == 17 * 5 * 3  # feasible cells, replicates, goals


def test_hyperbola_is_the_fit_and_does_not_leave_what_was_measured(
    study: Study, figures: dict[str, Figure]
) -> None:
    spec = specification(figures["steps_to_goal"])
    lines = [layer for layer in layers(spec) if mark(layer) == "line"]
    curve = [row for row in rows(spec, lines[1]) if row["model"] == "lenet" and "5" in row["goal"]]
    fit = study.estimates.trade_off("lenet", 0.05)
    assert fit is not None
    fewest, examples = fit.s_min.interval.value, fit.e_min.interval.value
    assert fewest is not None
    assert examples is not None
    for row in curve:
        assert row["steps"] == pytest.approx(fewest + examples / row["batch_size"], rel=1e-4)
    assert min(row["batch_size"] for row in curve) == pytest.approx(4)  # 1 is infeasible


def test_examples_are_steps_times_batch_size(figures: dict[str, Figure]) -> None:
    steps, examples = (
        specification(figures[name]) for name in ("steps_to_goal", "examples_to_goal")
    )
    for one, other in zip(layers(steps), layers(examples), strict=True):
        for row, twin in zip(rows(steps, one), rows(examples, other), strict=True):
            if row.get("steps") is not None:
                product = row["steps"] * row["batch_size"]
                assert twin["examples"] == pytest.approx(product, rel=1e-4)


def test_no_trial_is_dropped_from_the_losses(study: Study, figures: dict[str, Figure]) -> None:
    spec = specification(figures["loss_against_learning_rate"])
    points = [layer for layer in layers(spec) if mark(layer) == "point"]
    drawn = [row for layer in points for row in rows(spec, layer)]
    failed = int((study.sweep["ended"] == "failed").sum())
    assert failed == 1
    assert len(drawn) + failed == len(study.sweep)
    crosses = [
        row
        for layer in points
        if "field" not in layer["encoding"]["y"]
        for row in rows(spec, layer)
    ]
    assert len(crosses) == int((study.sweep["ended"] == "diverged").sum())
    assert f"{failed} trial that failed" in figures["loss_against_learning_rate"].caption


def test_trials_that_diverged_at_once_are_drawn_too(study: Study) -> None:
    diverged = study.sweep["ended"] == "diverged"
    sweep = study.sweep.assign(
        best_validation_loss=study.sweep["best_validation_loss"].mask(diverged)
    )
    drawn = draw(replace(study, sweep=sweep))
    spec = specification(next(f for f in drawn if f.name == "loss_against_learning_rate"))
    points = [layer for layer in layers(spec) if mark(layer) == "point"]
    losses = [row["loss"] for layer in points for row in rows(spec, layer)]
    assert len(losses) == len(study.sweep) - 1  # one failed
    assert losses.count(None) == int(diverged.sum())


def test_surface_bins_are_medians_over_replicates(study: Study, figures: dict[str, Figure]) -> None:
    spec = specification(figures["surface"])
    tiles = [row for layer in layers(spec) if mark(layer) == "rect" for row in rows(spec, layer)]
    low, high = study.box
    for tile in tiles:
        size = int(tile["size"].replace(",", ""))
        inside = study.sweep[
            (study.sweep["model"] == tile["model"])
            & (study.sweep["batch_size"] == size)
            & (study.sweep["learning_rate"] > tile["learning_rate"] * 0.9999)
            & (study.sweep["learning_rate"] < tile["upper"] * 0.9999)
            & (study.sweep["kind"] != "missing")
        ]
        steps = [
            row["steps_to_goal"] if row["kind"] == "reached" else math.inf
            for row in inside.to_dict("records")
        ]
        median = float(np.median(steps))
        assert (tile["state"] == "reached") == math.isfinite(median)
        if tile["state"] == "reached":
            assert tile["steps"] == pytest.approx(median, rel=1e-5)
        if tile["state"] == "diverged":
            assert (inside["kind"] == "infinite").mean() > 0.5
    assert len({tile["state"] for tile in tiles}) == 3
    assert min(tile["learning_rate"] for tile in tiles) == pytest.approx(low, rel=1e-4)
    assert max(tile["upper"] for tile in tiles) == pytest.approx(high, rel=1e-4)


def test_endings_count_every_trial_and_name_infeasible_cells(
    study: Study, figures: dict[str, Figure]
) -> None:
    spec = specification(figures["endings"])
    bars = [row for layer in layers(spec) if mark(layer) == "bar" for row in rows(spec, layer)]
    assert sum(row["trials"] for row in bars) == len(study.sweep)
    texts = [row for layer in layers(spec) if mark(layer) == "text" for row in rows(spec, layer)]
    assert [row["text"] for row in texts] == ["infeasible"]


def test_plain_picture_marks_replicates_that_diverged(
    study: Study, figures: dict[str, Figure]
) -> None:
    spec = specification(figures["plain_picture"])
    shares = {
        (row["model"], row["batch_size"], row["share"])
        for layer in layers(spec)
        if mark(layer) == "text"
        for row in rows(spec, layer)
        if row["rule"] == "unchanged" and row["moment"] == "12 epochs"
    }
    expected = {
        (cell.model, cell.batch_size, f"{plain.diverged}/{plain.replicates}")
        for cell in study.estimates.cells
        for plain in [cell.plain.get("constant")]
        if plain is not None and plain.diverged
    }
    assert expected
    assert shares == expected


def test_bars_of_lower_bounds_end_at_their_marks(study: Study, figures: dict[str, Figure]) -> None:
    finickiness, mean = study.estimates.finickiness, Interval(1.95, 1.62, None)
    bounds = tuple(replace(r, octaves=mean, lower=True) for r in finickiness.regrets[:3])
    whole = tuple(
        replace(r, octaves=Interval(1.0, 0.5, 1.5), lower=False) for r in finickiness.regrets[3:]
    )
    changed = replace(finickiness, regrets=(*bounds, *whole))
    estimates = replace(study.estimates, finickiness=changed)
    figure = transfer_regret(replace(study, estimates=estimates))
    spec = specification(figure)
    layer = next(la for la in layers(spec) if mark(la) == "rule" and "x2" in la["encoding"])
    drawn = rows(spec, layer)
    end = layer["encoding"]["x2"]["field"].partition(":")[0]
    assert {(row["low"], row[end]) for row in drawn if row["lower"]} == {(1.62, 1.95)}
    assert {(row["low"], row[end]) for row in drawn if not row["lower"]} == {(0.5, 1.5)}
    assert {row["said"] for row in drawn if row["lower"]} == {"at least 1.62"}
    assert "left end is then what is known, a lower bound" in figures["transfer_regret"].caption


def test_summaries_are_sentences(figures: dict[str, Figure]) -> None:
    for figure in figures.values():
        for text in (figure.caption, figure.subtitle, figure.summary):
            assert not set("{}") & set(text)
        assert figure.summary.endswith(".")
        assert figure.caption.endswith(".")
        assert "None" not in figure.summary


def test_rows_are_plain_json(figures: dict[str, Figure]) -> None:
    for figure in (figures[name] for name in NAMES):
        for table in specification(figure)["datasets"].values():
            for row in table:
                for value in row.values():
                    assert value is None or type(value) in {str, int, float, bool}
                    assert not isinstance(value, float) or math.isfinite(value)


def test_gathering_keeps_every_trial_in_order(study: Study) -> None:
    tables = synthetic_tables()
    pd.testing.assert_frame_equal(
        study.sweep.drop(columns=["kind", "steps_to_goal"]), tables.sweep_trials
    )

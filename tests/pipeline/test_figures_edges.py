"""Studies with little in them, drawn and on a page: both in one file, which estimates each once."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pipeline.figures import draw
from pipeline.report import metrics
from tests.pipeline.edge_studies import EDGES, settings_for, study_at
from tests.pipeline.test_report import MODELS, SIZES, Page, html_of

_NAME = "tuned_learning_rate"


def test_optimum_at_an_edge_is_drawn_hollow() -> None:
    drawn = draw(study_at("a rate at the edge"))
    spec: Any = next(figure.specification for figure in drawn if figure.name == _NAME)
    points = [layer for layer in spec["layer"] if layer["mark"]["type"] == "point"]
    filled, hollow = (
        [
            row
            for layer in points
            if layer["mark"]["filled"] is kind
            for row in spec["datasets"][layer["data"]["name"]]
        ]
        for kind in (True, False)
    )
    assert hollow
    assert all(row["edge"] for row in hollow)
    assert not any(row["edge"] for row in filled)


@pytest.mark.parametrize("edge", EDGES)
def test_degenerate_studies_draw_or_say_why_not(edge: str) -> None:
    for figure in draw(study_at(edge)):
        svg = figure.svg()
        assert not re.search(r"NaN|Infinity|undefined|null", svg), figure.name
        if figure.chart is None:
            assert f"Nothing to draw: {figure.reason}" in svg
        else:
            assert svg.count("aria-roledescription") > 3


@pytest.mark.parametrize("edge", EDGES)
def test_degenerate_studies_make_a_page(edge: str) -> None:
    html = html_of(study_at(edge), settings_for(MODELS, SIZES), still="<svg/>")
    words = Page(html).words
    visible = " ".join(text for tag, texts in words.items() if tag != "script" for text in texts)
    assert not re.search(r"\b(nan|None|inf)\b", visible)
    drawn = len(json.loads(words["script"][0]))
    assert drawn + visible.count("Nothing to draw:") == 10
    json.dumps(metrics(study_at(edge)), allow_nan=False)


def test_without_confirm_the_curves_say_so() -> None:
    drawn = {figure.name: figure for figure in draw(study_at("no confirm trials"))}
    for name in ("steps_to_goal", "examples_to_goal", "plain_picture"):
        assert drawn[name].chart is None
        assert drawn[name].reason.startswith("no confirmed trial")
    assert drawn["surface"].chart is not None


def test_goal_that_nothing_reached_is_said_to_be_open() -> None:
    drawn = {figure.name: figure for figure in draw(study_at("no goal reached"))}
    svg = drawn["steps_to_goal"].svg()
    assert "not resolved: at no batch size has every replicate reached this goal" in svg

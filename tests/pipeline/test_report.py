from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from models.shape import Task
from pipeline.estimates import estimates
from pipeline.figures import Study, draw
from pipeline.manifest import Manifest, write_manifest
from pipeline.report import facts, lone_runs, page
from pipeline.settings import Settings
from pipeline.stages import report as stage
from tests.pipeline.edge_studies import (
    PARAMS,
    SECONDS,
    settings_for,
    study_of,
    synthetic_tables,
)
from tests.pipeline.synthetic import TRAIN_EXAMPLES

ROOT = PARAMS.parent
MODELS = ("mlp", "conv", "lenet")
SIZES = (1, 4, 16, 64, 256, TRAIN_EXAMPLES)
MANIFEST = Manifest(
    dataset="digits",
    task=Task(channels=1, height=8, width=8, classes=10),
    split_seed=0,
    validation_fraction=0.125,
    test_fraction=0.125,
    train_examples=TRAIN_EXAMPLES,
    validation_examples=225,
    test_examples=225,
    mean=(5.0,),
    std=(6.0,),
    files={},
)


RACES = pd.DataFrame({"environment": [json.dumps({"torch": "2.14.1", "device": "x86_64"})]})
VERSIONS = {"2.14.1": 30, "2.15.0": 1}
TRAINED = {"torch 2.14.1, x86_64, AVX512, 1 thread": 30}


class Page(HTMLParser):
    """What the tests ask of a page: its elements, and the text inside each kind."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: dict[str, list[str]] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.words.setdefault(self.open[-1], []).append(data)

    def attributes(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def html_of(study: Study, settings: Settings, *, still: str | None = None) -> str:
    figures = draw(study)
    stills = {figure.name: still or figure.svg() for figure in figures}
    head, lone = facts(settings, MANIFEST, study, TRAINED), lone_runs(study.estimates, SECONDS)
    return page(study.estimates, figures, stills, head, lone)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return settings_for(MODELS, SIZES)


@pytest.fixture(scope="module")
def study(settings: Settings) -> Study:
    return study_of(synthetic_tables(), settings)


@pytest.fixture(scope="module")
def html(study: Study, settings: Settings) -> str:
    return html_of(study, settings)


@pytest.fixture(scope="module")
def parsed(html: str) -> Page:
    return Page(html)


def test_page_asks_nothing_of_a_network(parsed: Page, html: str) -> None:
    policy = next(
        meta["content"] or ""
        for meta in parsed.attributes("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    assert "http" not in policy
    for _, attributes in parsed.elements:
        for name in ("src", "href", "srcset", "action"):
            address = attributes.get(name) or ""
            assert address.startswith(("#", "figures/", "data:image/svg+xml")) or not address
    assert not parsed.attributes("link")
    style = "".join(parsed.words["style"])
    assert "url(" not in style
    assert "@import" not in style
    assert len(html.encode()) < 10_000_000


def test_player_is_there_once_and_no_script_ends_early(parsed: Page, html: str) -> None:
    assert html.count("window.vegaEmbed") == 1
    assert len(parsed.attributes("script")) == 4
    assert html.count("</script>") == 4


def test_specifications_are_json_for_every_figure(parsed: Page) -> None:
    specifications = json.loads(parsed.words["script"][0])
    names = [figure["data-figure"] for figure in parsed.attributes("figure")]
    unprobed = {"noise_scale", "sharpness"}  # which have nothing to draw in this study
    assert list(specifications) == [name for name in names if name not in unprobed]
    for specification in specifications.values():
        assert specification["description"]
        assert "title" not in specification  # the page has it, where it cannot be cut off


def test_page_is_navigable_without_sight(parsed: Page) -> None:
    ids = [attributes["id"] for _, attributes in parsed.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for link in parsed.attributes("a"):
        if (link["href"] or "").startswith("#"):
            assert (link["href"] or "")[1:] in ids
    for _, attributes in parsed.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
    assert all(image["alt"] for image in parsed.attributes("img"))
    assert len(parsed.attributes("caption")) == len(parsed.attributes("table")) == 9
    assert all(head["scope"] in {"col", "row"} for head in parsed.attributes("th"))
    assert len(parsed.attributes("h1")) == 1
    assert parsed.attributes("html")[0]["lang"] == "en"


def test_same_study_gives_the_same_bytes(study: Study, settings: Settings, html: str) -> None:
    assert html_of(study, settings) == html


def test_head_says_what_was_studied(parsed: Page) -> None:
    descriptions = "\n".join(parsed.words["dd"])
    for word in ("1,347 examples to train", "225 to test", "mlp, conv, lenet", "12 epochs"):
        assert word in descriptions
    assert re.search(r"settings [0-9a-f]{12}, data [0-9a-f]{12}", descriptions)


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        ("zoom", "3 in the sweep, as many fresh ones in each round of its search, "),
        ("gp", "3 in the sweep, "),
    ],
)
def test_replicates_are_told_where_they_are_trained(
    sampler: str, said: str, study: Study, settings: Settings
) -> None:
    search = settings.sweep.search.model_copy(update={"sampler": sampler})
    sweep = settings.sweep.model_copy(update={"search": search, "replicates": 3})
    changed = settings.model_copy(update={"sweep": sweep})
    fresh = f"{settings.confirm.replicates} fresh ones in confirm"
    assert facts(changed, MANIFEST, study, TRAINED)["Replicates"] == said + fresh


def test_page_says_what_trained_and_how_many_races_each_of_several(
    study: Study, settings: Settings
) -> None:
    several = {f"torch {torch}, x86_64, AVX2, 1 thread": n for torch, n in VERSIONS.items()}
    one, both = (facts(settings, MANIFEST, study, by)["Trained by"] for by in (TRAINED, several))
    assert one == next(iter(TRAINED))
    assert both == (
        "torch 2.14.1, x86_64, AVX2, 1 thread (30 races); "
        "torch 2.15.0, x86_64, AVX2, 1 thread (1 race)"
    )


def test_digest_of_settings_is_of_what_numbers_depend_on(study: Study, settings: Settings) -> None:
    def digest(changed: Settings) -> str:
        return facts(changed, MANIFEST, study, TRAINED)["Digests"]

    tracking = settings.tracking.model_copy(update={"mlflow": False})
    training = settings.training.model_copy(update={"seed": 1})
    assert digest(settings.model_copy(update={"tracking": tracking})) == digest(settings)
    assert digest(settings.model_copy(update={"training": training})) != digest(settings)


def test_names_of_models_cannot_break_the_page(settings: Settings) -> None:
    evil = "</script><script>alert(1)</script>"
    tables_of = synthetic_tables((evil, "b"), (4, 64))
    named = settings.model_copy(update={"models": (evil, "b")})
    parsed = Page(html_of(study_of(tables_of, named), named, still="<svg/>"))
    assert len(parsed.attributes("script")) == 4
    panel = json.loads(parsed.words["script"][0])["endings"]["concat"][0]
    assert panel["title"]["text"] == evil
    assert evil in parsed.words["h3"]


def test_stage_writes_everything_twice_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    alone = PARAMS.read_text(encoding="utf-8").replace("mlflow: true ", "mlflow: false ")
    Path("params.yaml").write_text(alone, encoding="utf-8")
    made = synthetic_tables(("mlp", "conv"), (16, TRAIN_EXAMPLES))
    settings = settings_for(("mlp", "conv"), (16, TRAIN_EXAMPLES))
    for folder, tables_of in (
        (
            "sweep",
            {
                "trials": made.sweep_trials,
                "curves": made.sweep_curves,
                "cells": made.sweep_cells,
                "races": RACES,
            },
        ),
        (
            "confirm",
            {
                "trials": made.confirm_trials,
                "curves": made.confirm_curves,
                "assignments": made.assignments,
                "seconds": SECONDS,
                "races": RACES,
            },
        ),
    ):
        Path("results", folder).mkdir(parents=True)
        for name, table in tables_of.items():
            table.to_parquet(Path("results", folder, f"{name}.parquet"), index=False)
    Path("data/prepared").mkdir(parents=True)
    write_manifest(Path("data/prepared"), MANIFEST)
    document = estimates(made, settings, dataset="digits", train_examples=TRAIN_EXAMPLES)
    Path("results/estimates.json").write_text(json.dumps(document), encoding="utf-8")
    before = {path for path in Path().rglob("*") if path.is_file()}

    def written() -> dict[str, bytes]:
        stage.main.__wrapped__()  # type: ignore[attr-defined]
        paths = {path for path in Path().rglob("*") if path.is_file()} - before
        return {str(path): path.read_bytes() for path in sorted(paths)}

    first = written()
    figures = [
        "endings",
        "examples_to_goal",
        "loss_against_learning_rate",
        "noise_scale",
        "plain_picture",
        "sharpness",
        "steps_to_goal",
        "surface",
        "transfer_regret",
        "tuned_learning_rate",
    ]
    assert sorted(first) == sorted([
        *(f"report/figures/{name}.svg" for name in figures),
        "report/index.html",
        "results/metrics.json",
        *(
            f"results/plots/{name}.csv"
            for name in ("plain_picture", "steps_to_goal", "tuned_learning_rate")
        ),
    ])
    assert written() == first

"""A guard against slow code that does not time: what a small cohort asks for, counted exactly.

A number here moves when code changes what is done, not when a machine is busy. If it fell, write
the lower one down; if it grew, the message says by what, and the change must be worth it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sqlalchemy import Connection, Engine, event

from pipeline.events import Evaluated
from pipeline.images import Prepared
from pipeline.ledger import Ledger
from pipeline.outcome import Ended, Row
from pipeline.settings import Settings
from pipeline.stopping import evaluation_steps
from pipeline.tracking.running import Running
from pipeline.trial import CohortPlan, Race, Recipe
from tests.pipeline.conftest import MakeRace
from tests.pipeline.counting import Work, blocks_of
from tests.pipeline.mirrored import opened, race_result
from tests.pipeline.studies.planted_races import result_of, searching
from tests.pipeline.studies.test_mirror import mirror as study_mirror

GPU = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
    ],
)
# Operations of a lane, a step and a block, at plain SGD; a block evaluates, in four batches here.
# They are torch 2.14's, which the lock file pins: another version may cut them otherwise.
LAUNCHES = {
    ("mlp", "stacked"): (35, 98),
    ("conv", "stacked"): (54, 118),
    ("mlp", "solo"): (25, 74),
    ("conv", "solo"): (37, 98),
}
GATHER = 4  # operations of a block that all lanes share
PARTING = {"mlp": 12, "conv": 16}  # parameters, their momentum and four columns, selected once


@pytest.fixture
def short(recipe: Recipe) -> Recipe:
    """Twelve steps in seven blocks of one to three."""
    return replace(recipe, max_steps=12)


def race_of(make_race: MakeRace, recipe: Recipe, model: str, members: int) -> Race:
    return make_race(recipe, model=model, rates=tuple(0.001 * (k + 1) for k in range(members)))


def expected_launches(model: str, kernel: str, lanes: int, steps: int) -> int:
    a_step, a_block = LAUNCHES[model, kernel]
    return GATHER + lanes * (a_block + steps * a_step)


def assert_launches(block: Work, expected: int, what: str) -> None:
    seen = sum(block.launches.values())
    assert seen == expected, (
        f"{what}: a block of {block.steps} steps launches {seen} operations, not {expected}: "
        f"{dict(block.launches.most_common())}"
    )


@pytest.mark.parametrize("members", [4, 12])
@pytest.mark.parametrize("kernel", ["stacked", "solo"])
@pytest.mark.parametrize("model", ["mlp", "conv"])
def test_launches(
    model: str, kernel: str, members: int, prepared: Prepared, short: Recipe, make_race: MakeRace
) -> None:
    """Stacked members cost no launch of their own; each solo member costs the same."""
    race = race_of(make_race, replace(short, kernel=kernel), model, members)
    blocks = blocks_of([race], prepared)
    lanes = 1 if kernel == "stacked" else members
    what = f"{members} members of {model}, {kernel}"
    *others, last = blocks
    for block in others:
        assert_launches(block, expected_launches(model, kernel, lanes, block.steps), what)
    ends = expected_launches(model, kernel, lanes, last.steps) + PARTING[model]
    assert_launches(last, ends, f"{what}, at their end")


@pytest.mark.parametrize("device", ["cpu", GPU])
@pytest.mark.parametrize("kernel", ["stacked", "solo"])
def test_a_block_is_evaluated_once_and_waits_for_the_device_once(
    kernel: str, device: str, prepared: Prepared, short: Recipe, make_race: MakeRace
) -> None:
    """All curves of a block come in one table; else nothing is copied, and nobody waits."""
    recipe = replace(short, kernel=kernel, device=device)
    blocks = blocks_of([race_of(make_race, recipe, "mlp", 6)], prepared)
    lanes = 1 if kernel == "stacked" else 6
    assert len(blocks) == len(evaluation_steps(recipe)) - 1, "a block lies between two evaluations"
    batches = -(-len(prepared.validation) // recipe.evaluation_batch_size)
    for block in blocks:
        assert block.waits == {"tolist": 1}, f"a block waits for {dict(block.waits)}"
        assert block.transfers == 0, f"a block copies {block.transfers} tensors between devices"
        assert block.forwards == {"training": lanes * block.steps, "evaluation": lanes * batches}


def test_confirm_evaluates_the_test_split_besides(
    prepared: Prepared, short: Recipe, make_race: MakeRace
) -> None:
    race = race_of(make_race, replace(short, evaluate_test=True), "mlp", 4)
    batches = [
        -(-len(split) // short.evaluation_batch_size)
        for split in (prepared.validation, prepared.test)
    ]
    for block in blocks_of([race], prepared):
        assert block.forwards["evaluation"] == sum(batches)
        assert block.waits == {"tolist": 1}, f"a block waits for {dict(block.waits)}"


@pytest.fixture
def commits() -> Iterator[Counter[str]]:
    """Transactions that any database commits, by its file's name."""
    counted: Counter[str] = Counter()

    def count(connection: Connection) -> None:
        counted[Path(connection.engine.url.database).name] += 1

    event.listen(Engine, "commit", count)
    yield counted
    event.remove(Engine, "commit", count)


@pytest.mark.parametrize("trials", [1, 12])
def test_a_race_is_two_commits_to_mlflow_whatever_its_trials(
    trials: int, tmp_path: Path, commits: Counter[str]
) -> None:
    """Runs are created in one, and filled in another."""
    mirror = opened(f"sqlite:///{tmp_path}/mlflow.db")
    commits.clear()
    mirror.write(race_result(ended=(Ended.REACHED,) * trials, evaluations=60))
    assert commits == {"mlflow.db": 2}, f"a race of {trials} trials makes {dict(commits)} commits"


def test_a_running_cohort_is_one_commit_each_time_it_is_shown(
    tmp_path: Path, commits: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one more at first, to create its runs; nothing while nothing is due."""
    mirror = opened(f"sqlite:///{tmp_path}/mlflow.db")
    race = race_result(ended=(Ended.REACHED,) * 12).race
    plan, seen = CohortPlan((race,), 36), list[int]()

    def follow(step: int) -> None:
        rows = tuple((trial, Row(step, 1.0, 0.5, 1.0, 1.0, 0.5)) for trial in range(12))
        commits.clear()
        mirror.follow(Evaluated(plan, step, 12, step, rows, started_at=1.0))
        seen.append(commits.total())

    mirror.begin(plan)
    follow(1)  # too early to show anything
    monkeypatch.setattr(Running, "due", lambda *_: True)
    for step in (2, 3, 4):
        follow(step)
    assert seen == [0, 2, 1, 1], f"evaluations of a running cohort made {seen} commits"


@pytest.mark.parametrize("trials", [1, 12])
def test_a_race_is_one_commit_to_optuna_whatever_its_trials(
    trials: int, tmp_path: Path, settings: Settings, commits: Counter[str], make_race: MakeRace
) -> None:
    mirror = study_mirror(f"sqlite:///{tmp_path}/optuna.db", searching(settings))
    race = race_of(make_race, race_result().race.recipe, "mlp", trials)
    commits.clear()
    mirror.write(result_of(race))
    assert commits == {"optuna.db": 1}, f"{trials} trials make {dict(commits)} commits"
    commits.clear()
    mirror.write(result_of(race))
    assert not commits, "a race that stands there is written again"


@pytest.mark.parametrize("trials", [1, 12])
def test_a_race_is_one_file_written_through_once(
    trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flush of the file, one of its folder."""
    flushed, flush = list[int](), os.fsync

    def fsync(descriptor: int) -> None:
        flushed.append(descriptor)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    ledger = Ledger(tmp_path / "ledger", pytest.fail)
    result = race_result(ended=(Ended.REACHED,) * trials, evaluations=60)
    ledger.write(result)
    assert len(list((tmp_path / "ledger").iterdir())) == 1
    assert len(flushed) == 2, f"a race of {trials} trials is flushed {len(flushed)} times"
    ledger.write(result)
    assert len(flushed) == 2, "a race that is there is written again"

"""What `study plan` says of time, on paces that are planted: nothing here is timed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline import calibration
from pipeline.calibration import Conditions
from pipeline.design import Design
from pipeline.images import Prepared
from pipeline.ledger import Ledger
from pipeline.probe_plan import ProbePlan
from pipeline.probe_seconds import seconds_per_probe
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.study import cell_seconds, duration
from pipeline.study.catalogue import Entry
from pipeline.study.cell_seconds import Pace
from pipeline.study.cost import cost
from pipeline.study.places import Places
from pipeline.study.survey import Phase, Survey
from pipeline.study.wording import cost_lines
from pipeline.trial import Cell, Hyperparameters
from tests.pipeline.test_runner import Counting

STEPS = (0, 1, 2, 4, 8, 16)
PACE = Pace(STEPS, step=2.0, evaluation=10.0)
STARTS = 9.0


@pytest.fixture
def small(settings: Settings) -> Settings:
    """One network at two batch sizes, the larger of which is the reference; three workers."""
    sweep = settings.sweep
    rates = sweep.learning_rates.model_copy(update={"points": 3})
    budget = sweep.budget.model_copy(update={"epochs": 0.1, "min_steps": 16})
    goals = sweep.goals.model_copy(update={"levels": (0.9,)})  # chance, which step 0 reaches
    changes = {"replicates": 2, "learning_rates": rates, "budget": budget, "goals": goals}
    return settings.model_copy(
        update={
            "models": ("mlp",),
            "sweep": sweep.model_copy(update={"batch_sizes": (64, 128), **changes}),
            "training": settings.training.model_copy(update={"workers": 3}),
        }
    )


@pytest.fixture
def design(small: Settings, prepared: Prepared) -> Design:
    return Design(small, prepared.digest, len(prepared.train), (64, 128), "cpu", lambda *_: "")


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duration, "paces", lambda *_: (PACE, PACE, PACE))
    monkeypatch.setattr(duration, "probing_seconds", lambda *_: 100.0)
    monkeypatch.setattr(duration, "_import_seconds", lambda: 1.0)


def test_a_trial_that_stops_early_has_had_most_of_its_evaluations() -> None:
    assert PACE.seconds() == 16 * 2 + 6 * 10
    assert PACE.seconds(0.5) == 8 * 2 + 5 * 10
    assert PACE.seconds(0.5, splits=2) == 8 * 2 + 5 * 10 * 2
    assert PACE.seconds(0.01) == pytest.approx(0.16 * 2 + 10)


def test_the_longer_a_race_waits_the_larger_the_share() -> None:
    shares = [duration.likely_share(race) for race in (1.0, 2.0, 4.0, 1000.0, "off")]
    assert shares == sorted(shares)
    assert shares[0] == pytest.approx(0.12)
    assert shares[2] == pytest.approx(0.18, abs=0.01)
    assert shares[-2] == shares[-1] == 0.6


@pytest.mark.parametrize(("sampler", "searched"), [("zoom", 1.3), ("gp", 0.8), ("random", 0.8)])
def test_a_fresh_study_is_likely_to_stop_where_others_did(
    small: Settings, design: Design, prepared_folder: Path, sampler: str, searched: float
) -> None:
    search = small.sweep.search.model_copy(update={"sampler": sampler})
    sweep = small.sweep.model_copy(update={"search": search})
    small = small.model_copy(update={"sweep": sweep})
    found = Entry("small", small, Places(prepared=prepared_folder))
    seen = Survey("not started", None, Phase(list(design.grid())), Phase(), design)
    left = cost(found, seen)
    told = duration.duration(found, seen, left)
    # Two cells: 3 rates × 2 replicates, 6 more beyond an edge, 4 searched; 4 rules × 5, 5 probed.
    share, full = duration.likely_share(4.0), PACE.seconds(1, 2)
    most = 2 * (13 * 2 * PACE.seconds() + 20 * full + 500)
    confirmed = (20 + 5) * PACE.seconds(0.85, 2)  # at the reference all rules say the same
    swept = 6 * PACE.seconds(share) + 8 * PACE.seconds(searched * share)
    assert told["workers"] == 3
    assert told["most"] == pytest.approx(most / 3 + STARTS)
    assert told["likely"] == pytest.approx((2 * swept + confirmed + 1000) / 3 + STARTS)
    lines = cost_lines({"study": "small", **left, "seconds": told})
    assert any("likely about" in line and "at most about" in line for line in lines)


def test_trials_that_have_finished_say_where_others_stop(
    small: Settings, design: Design, prepared: Prepared, prepared_folder: Path, tmp_path: Path
) -> None:
    """Where half of the grid stopped at its first evaluation, the rest is likely to do so too."""
    ledger, races = Ledger(tmp_path / "ledger", pytest.fail), list(design.grid())
    done = races[: len(races) // 2]
    results = Runner("sweep", ledger, Counting(prepared), (), 36, lambda _: None).run(done)
    found = Entry("small", small, Places(prepared=prepared_folder))
    fresh = Survey("interrupted", None, Phase(races), Phase(), design)
    going = Survey("interrupted", None, Phase(races, results), Phase(), design)
    before, after = (
        duration.duration(found, seen, cost(found, seen))["likely"] for seen in (fresh, going)
    )
    share = sum(t.curve.last_step for r in results for t in r.results) / (16 * 6)
    assert share < duration.likely_share(4.0)
    assert after < before - 6 * PACE.seconds(share) / 3


def test_a_search_that_has_begun_has_only_its_own_trials_left(
    small: Settings, design: Design, prepared: Prepared, prepared_folder: Path, tmp_path: Path
) -> None:
    """One cell lacks a race of its one search round; the other is pinned, and has only confirm."""
    ledger, grid = Ledger(tmp_path / "ledger", pytest.fail), list(design.grid())
    results = Runner("sweep", ledger, Counting(prepared), (), 36, lambda _: None).run(grid)
    tried = [Hyperparameters(rate, 0.0, 0.0) for rate in (0.1, 0.2)]
    pending = design.sweep_race(Cell("mlp", 64), 2, tried, "search-1")
    sweep = small.sweep
    search = sweep.search.model_copy(update={"sampler": "zoom", "proposals": 2, "limit": 2})
    sweep = sweep.model_copy(update={"search": search})
    found = Entry(
        "small", small.model_copy(update={"sweep": sweep}), Places(prepared=prepared_folder)
    )
    seen = Survey("interrupted", None, Phase([*grid, pending], results), Phase(), design)
    left = cost(found, seen)
    assert [row["sweep"] for row in left["cells"]] == [2, 0]
    told = duration.duration(found, seen, left)
    share = sum(t.curve.last_step for r in results for t in r.results) / (16 * 12)
    confirmed = (20 + 5) * PACE.seconds(0.85, 2)
    swept = 2 * PACE.seconds(min(1.0, 1.3 * share))
    assert told["likely"] == pytest.approx((swept + confirmed + 1000) / 3 + STARTS)
    most = 2 * PACE.seconds() + 2 * (20 * PACE.seconds(1, 2) + 500)
    assert told["most"] == pytest.approx(most / 3 + STARTS)


def test_phases_of_one_width_are_timed_once(
    small: Settings, design: Design, prepared: Prepared, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def step(
        _model: str, _size: int, _kernel: str, members: int, *_: object, **__: object
    ) -> float:
        widths.append(members)
        return 6.0 * members

    monkeypatch.setattr(calibration, "seconds_per_step", step)
    monkeypatch.setattr(calibration, "seconds_per_evaluation", lambda *_: 12.0)
    race = design.grid()[0]
    found = cell_seconds.paces(race.cell, race.recipe, (100, 0, 36), prepared, small)
    assert race.recipe.kernel == "stacked"
    assert sorted(widths) == [1, 36]
    assert [pace.step for pace in found] == [6.0, 6.0, 6.0]
    assert [pace.evaluation for pace in found] == [12 / 36, 12.0, 12 / 36]


def test_timing_a_probe_leaves_no_trace(prepared: Prepared, settings: Settings) -> None:
    plan, state = ProbePlan(16, 4.0, True, True, False), torch.get_rng_state()
    torch.set_num_threads(2)
    assert 0 < seconds_per_probe("mlp", prepared, Conditions(settings.training), plan) < 60
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == 2

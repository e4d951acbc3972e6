"""Observing must not perturb: races with and without probes, at any width, on any engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.engines.inline import InlineEngine
from pipeline.engines.local import LocalEngine
from pipeline.events import Evaluated
from pipeline.fingerprint import probe_digest
from pipeline.images import Prepared
from pipeline.ledger import Ledger, read_parquet
from pipeline.outcome import Ended, ProbeRow, TrialResult
from pipeline.probe_plan import Probed, ProbePlan
from pipeline.probe_tables import probes_table, read_probes
from pipeline.probes.prober import BATCH, probe_set
from pipeline.runner import Runner
from pipeline.training import train_cohort
from pipeline.trial import CohortPlan, Kernel, Race, Recipe
from tests.pipeline.conftest import MakeRace
from tests.slow import slow

HERE = "tests.pipeline.networks"
PLAN = ProbePlan(examples=48, ratio=4.0, noise_scale=True, sharpness=True, keskar=False)


def ignore(_: Evaluated) -> None:
    pass


def probing(races: list[Race], plan: ProbePlan = PLAN) -> Probed:
    return Probed(plan, probe_digest(plan), frozenset(race.fingerprint for race in races))


def train(
    races: list[Race], prepared: Prepared, probed: Probed | None, width: int = 32
) -> list[TrialResult]:
    keep = frozenset(race.fingerprint for race in races)
    plan = CohortPlan(tuple(races), width, keep, probed)
    return [trial for race in train_cohort(plan, prepared, ignore) for trial in race.results]


def found(trial: TrialResult) -> str:
    """All digits of a trial's probes; NaN equals NaN."""
    return repr(trial.probes)


def assert_same_training(left: TrialResult, right: TrialResult) -> None:
    assert (left.ended, left.message) == (right.ended, right.message)
    for name, column in vars(left.curve).items():
        np.testing.assert_array_equal(column, getattr(right.curve, name), err_msg=name)
    assert left.weights is not None
    assert right.weights is not None
    for name, array in left.weights.items():
        np.testing.assert_array_equal(array, right.weights[name], err_msg=name)


@pytest.fixture
def brief(recipe: Recipe) -> Recipe:
    return replace(recipe, precision="32-true", max_steps=20)


@pytest.mark.parametrize(
    ("model", "kernel"),
    [
        ("mlp", "stacked"),
        slow("conv", "stacked"),
        ("conv", "solo"),
        (f"{HERE}:batch_norm", "stacked"),
        slow(f"{HERE}:batch_norm", "solo"),
        (f"{HERE}:dropout", "solo"),
    ],
)
def test_training_is_the_same_bits_with_and_without_probes(
    model: str, kernel: Kernel, prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    shared = replace(brief, kernel=kernel)
    races = [make_race(shared, model=model, rates=(0.1,), replicate=r) for r in range(2)]
    bare = train(races, prepared, None)
    seen = train(races, prepared, probing(races, replace(PLAN, keskar=True)))
    for left, right in zip(bare, seen, strict=True):
        assert_same_training(left, right)
        assert left.probes is None
        assert right.probes is not None
        assert [row.step for row in right.probes] == [0, 1, 4, 19, 20]
        for row in right.probes:
            assert row.message == ""
            assert row.noise > 0
            assert np.isfinite([row.signal, row.largest_eigenvalue, row.keskar]).all()
            assert row.residual <= 1e-3 * abs(row.largest_eigenvalue)
            assert row.group == (BATCH if "batch_norm" in model else 1)


def test_probes_are_the_same_bits_at_any_width_and_in_any_company(
    prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    shared, rates = replace(brief, max_steps=5), (0.01, 0.02, 0.04)
    races = [make_race(shared, model="conv", replicate=r, rates=rates) for r in range(2)]
    widest = [found(trial) for trial in train(races, prepared, probing(races), 32)]
    narrow = [found(trial) for trial in train(races, prepared, probing(races), 3)]
    assert widest == narrow
    alone = [found(trial) for trial in train(races[1:], prepared, probing(races[1:]))]
    assert widest[3:] == alone
    some = train(races, prepared, probing(races[1:]))
    assert [found(trial) for trial in some] == ["None"] * 3 + alone


def test_a_member_is_probed_for_what_it_is(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    """In double precision: the slow twin takes one gradient after the other at the first step."""
    race = make_race(replace(recipe, max_steps=1), model="linear", rates=(0.1,))
    [trial] = train([race], prepared, probing([race]))
    assert trial.probes is not None
    first = trial.probes[0]
    torch.manual_seed(0)
    drawn = probe_set(len(prepared.train), 48, 1, recipe.seed, 0)
    from models.registry import network
    from pipeline.seeds import seed_of

    torch.manual_seed(seed_of(recipe.seed, "initialisation", 0))
    module = network("linear").factory(prepared.task).double()
    pixels = prepared.train.images[drawn].astype(np.float64)
    mean, std = np.array(prepared.mean)[:, None, None], np.array(prepared.std)[:, None, None]
    gradients = []
    for image, label in zip((pixels - mean) / std, prepared.train.labels[drawn], strict=True):
        output = module(torch.tensor(image[None]))
        loss = torch.nn.functional.cross_entropy(output, torch.tensor([int(label)]))
        parts = torch.autograd.grad(loss, list(module.parameters()))
        gradients.append(np.concatenate([part.flatten().numpy() for part in parts]))
    noise = float(np.sum(np.var(gradients, axis=0, ddof=1)))
    unseen = 1 / 48 - 1 / len(prepared.train)
    assert first.noise == pytest.approx(noise, rel=1e-5)  # the mean and deviation are float32
    signal = float(np.sum(np.mean(gradients, axis=0) ** 2)) - unseen * noise
    assert first.signal == pytest.approx(signal, rel=1e-4)


def test_probe_sets_depend_on_the_replicate_alone() -> None:
    drawn = probe_set(1000, 256, 1, 0, 3)
    assert len(set(drawn.tolist())) == 256
    np.testing.assert_array_equal(drawn[:64], probe_set(1000, 64, 1, 0, 3))
    assert set(drawn.tolist()) != set(probe_set(1000, 256, 1, 0, 4).tolist())
    assert len(probe_set(100, 256, BATCH, 0, 3)) == 96  # whole batches of what there is


def test_a_network_that_cannot_be_probed_trains_all_the_same(
    prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    race = make_race(replace(brief, kernel="solo"), model=f"{HERE}:once_differentiable")
    [bare, _] = train([race], prepared, None)
    [seen, _] = train([race], prepared, probing([race]))
    assert_same_training(bare, seen)
    assert seen.probes is not None
    assert all(row.message and np.isnan(row.signal) for row in seen.probes)


def test_what_can_be_probed_is_where_something_else_cannot(
    prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    race = make_race(replace(brief, kernel="solo"), model=f"{HERE}:without_curvature")
    [seen, _] = train([race], prepared, probing([race]))
    assert seen.probes
    for row in seen.probes:
        assert np.isfinite(row.signal)
        assert np.isnan(row.largest_eigenvalue)
        assert row.message == "sharpness: ArithmeticError: differentiable once"


def test_too_few_examples_for_batches_are_told(
    prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    race = make_race(brief, model=f"{HERE}:batch_norm")
    few = probing([race], replace(PLAN, examples=31))
    [seen, _] = train([race], prepared, few)
    assert seen.probes
    for row in seen.probes:
        assert "noise scale: ValueError: confirm.probes.examples is 31, of " in row.message
        assert np.isnan(row.signal)
        assert np.isfinite(row.largest_eigenvalue)
    none = probing([race], replace(PLAN, examples=15))
    [seen, _] = train([race], prepared, none)
    assert seen.probes
    assert all("needs a batch of 16 at least" in row.message for row in seen.probes)


def test_too_little_memory_is_no_finding(
    prepared: Prepared, brief: Recipe, make_race: MakeRace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is known for a CPU by its words alone; a race that ran out of memory is tried again."""

    def starved(*_: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 1 byte")

    monkeypatch.setattr("pipeline.probes.prober.gradient_noise", starved)
    race = make_race(brief)
    trials = train([race], prepared, probing([race]))
    assert {trial.ended for trial in trials} == {Ended.OUT_OF_MEMORY}


def test_diverged_trials_are_probed_while_they_last(
    prepared: Prepared, brief: Recipe, make_race: MakeRace
) -> None:
    race = make_race(brief, rates=(1e30, 0.1))
    [broken, sound] = train([race], prepared, probing([race]))
    assert broken.probes is not None
    assert sound.probes is not None
    assert 0 < len(broken.probes) < len(sound.probes)


class TestRunner:
    def test_a_race_runs_again_where_its_probes_are_wanted_and_missing(
        self, prepared: Prepared, brief: Recipe, make_race: MakeRace, tmp_path: Path
    ) -> None:
        races = [make_race(brief, replicate=r) for r in range(2)]
        said: list[str] = []
        warned: list[str] = []
        ledger = Ledger(tmp_path / "ledger", warned.append)
        runner = Runner("confirm", ledger, InlineEngine(prepared), (), 32, said.append)
        bare = runner.run(races)
        seen = runner.run(races, probed=probing(races[:1]))
        again = runner.run(races, probed=probing(races[:1]))
        other = probing(races[:1], replace(PLAN, examples=32))
        runner.run(races, probed=other)
        assert not warned
        assert [line.rpartition(", ")[2] for line in said] == [
            "4 to train", "2 to train", "0 to train", "2 to train",
        ]  # fmt: skip
        for left, middle, right in zip(bare, seen, again, strict=True):
            assert middle.started_at == left.started_at  # the race itself is never replaced
            for a, b, c in zip(left.results, middle.results, right.results, strict=True):
                np.testing.assert_array_equal(a.curve.validation_loss, b.curve.validation_loss)
                assert found(b) == found(c)
        assert [trial.probes is None for result in seen for trial in result.results] == [
            False, False, True, True,
        ]  # fmt: skip
        table = probes_table(seen, probing(races).digest)
        assert len(table) == 2 * 5
        file = ledger.probes_file(races[0].fingerprint, probing(races).digest)
        file.write_bytes(file.read_bytes()[:-9])
        mended = runner.run(races, probed=probing(races[:1]))
        assert said[-1].endswith(", 2 to train"), "what a damaged file held is made again"
        assert [found(t) for r in mended for t in r.results] == [
            found(t) for r in seen for t in r.results
        ]
        ledger.forget(races[0].fingerprint)
        assert [path.name for path in (tmp_path / "ledger").glob("*.probes-*")] == []

    def test_what_could_not_be_probed_is_told_once_a_model(
        self, prepared: Prepared, brief: Recipe, make_race: MakeRace, tmp_path: Path
    ) -> None:
        races = [
            make_race(
                replace(brief, kernel="solo"),
                model=f"{HERE}:without_curvature",
                replicate=replicate,
            )
            for replicate in range(2)
        ]
        said: list[str] = []
        ledger = Ledger(tmp_path / "ledger", pytest.fail)
        runner = Runner("confirm", ledger, InlineEngine(prepared), (), 32, said.append)
        runner.run(races, probed=probing(races))
        (warning,) = (line for line in said if line.startswith("warning: "))
        assert warning.startswith(
            f"warning: 4 trials of {HERE}:without_curvature could not be probed"
        )

    @pytest.mark.parametrize("workers", [slow(1), 2])
    def test_workers_change_nothing(
        self,
        workers: int,
        prepared: Prepared,
        prepared_folder: Path,
        brief: Recipe,
        make_race: MakeRace,
        tmp_path: Path,
    ) -> None:
        races = [make_race(brief, model=m, batch_size=4) for m in ("mlp", "conv")]
        expected = [train([race], prepared, probing([race])) for race in races]
        engine = LocalEngine(workers, prepared_folder)
        ledger = Ledger(tmp_path / "ledger", pytest.fail)
        try:
            results = Runner("confirm", ledger, engine, (), 32, lambda _: None).run(
                races, probed=probing(races)
            )
        finally:
            engine.close()
        for result, trials in zip(results, expected, strict=True):
            assert [found(trial) for trial in result.results] == [found(t) for t in trials]
            file = ledger.probes_file(result.race.fingerprint, probing(races).digest)
            assert found(read_probes(read_parquet(file).to_pylist(), result).results[0]) == found(
                trials[0]
            )


def test_settings_and_code_of_probes_are_their_digest_and_in_no_fingerprint() -> None:
    base = probe_digest(PLAN)
    changes = ({"examples": 49}, {"ratio": 3.0}, {"noise_scale": False}, {"keskar": True})
    assert len({base, *(probe_digest(replace(PLAN, **change)) for change in changes)}) == 5
    assert ProbeRow._fields[0] == "step"

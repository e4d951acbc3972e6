from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from models.registry import network
from pipeline.cohort import Cohort
from pipeline.events import Evaluated
from pipeline.images import Prepared
from pipeline.outcome import Ended, TrialResult
from pipeline.resident import ResidentSplit
from pipeline.seeds import seed_of
from pipeline.stopping import evaluation_steps
from pipeline.streams import ExampleStream
from pipeline.training import fit, train_cohort
from pipeline.trial import CohortPlan, Race, Recipe, Trial
from tests.pipeline.conftest import MakeRace
from tests.slow import slow

HERE = "tests.pipeline.networks"
Scheduler = Callable[[torch.optim.Optimizer], torch.optim.lr_scheduler.LRScheduler]
MODELS = ("mlp", "conv", "lenet", f"{HERE}:batch_norm", f"{HERE}:running_mean")
QUICK = ("mlp", "conv", f"{HERE}:running_mean")


def ignore(_: Evaluated) -> None:
    pass


def train(races: list[Race], prepared: Prepared, width: int = 32) -> list[tuple[TrialResult, ...]]:
    return [r.results for r in train_cohort(CohortPlan(tuple(races), width), prepared, ignore)]


class Observed(Cohort):
    """Keeps the state in which each member parts."""

    def _part(self, verdicts: Sequence[Ended | None]) -> None:
        assert self._members is not None
        for row, (trial, verdict) in enumerate(zip(self._active, verdicts, strict=True)):
            if verdict is not None:
                state = {**self._members.trainable, **self._members.fixed}
                self.finals[trial] = {n: t[row].detach().clone() for n, t in state.items()}
        super()._part(verdicts)


def observed(races: list[Race], prepared: Prepared, width: int = 32) -> Observed:
    """A trained cohort, with its results and the final parameters of its members."""
    plan = CohortPlan(tuple(races), width)
    cohort = Observed(plan, prepared, network(plan.cell.model), ignore)
    cohort.finals = {}
    fit(cohort)
    return cohort


def lone_run(
    race: Race, index: int, prepared: Prepared, scheduler: Scheduler | None = None
) -> tuple[nn.Module, list[float]]:
    """The slow twin: a textbook loop over torch.optim, with its training losses."""
    trial, recipe = race.trials[index], race.recipe
    torch.manual_seed(seed_of(recipe.seed, "initialisation", trial.replicate))
    trained = network(trial.model)
    module = trained.factory(prepared.task).double()
    optimiser = optimiser_of(trial, recipe, module)
    schedule = scheduler(optimiser) if scheduler else None
    stream = ExampleStream(
        len(prepared.train),
        trial.batch_size,
        recipe.order,
        seed=recipe.seed,
        replicate=trial.replicate,
    )
    split = ResidentSplit(prepared.train, prepared, torch.device("cpu"), torch.float64)
    losses: list[float] = []
    for step in range(recipe.max_steps):
        images, labels = split.take(stream.block(step, 1)[0])
        optimiser.zero_grad()
        loss = nn.functional.cross_entropy(module(images), labels)
        loss.backward()
        optimiser.step()
        if schedule:
            schedule.step()
        losses.append(float(loss.detach()))
    return module, losses


def optimiser_of(trial: Trial, recipe: Recipe, module: nn.Module) -> torch.optim.Optimizer:
    if recipe.optimiser == "sgd":
        return torch.optim.SGD(
            module.parameters(),
            trial.learning_rate,
            trial.momentum,
            weight_decay=trial.weight_decay,
            nesterov=recipe.nesterov,
        )
    kind = torch.optim.Adam if recipe.optimiser == "adam" else torch.optim.AdamW
    return kind(
        module.parameters(),
        trial.learning_rate,
        (recipe.beta1, recipe.beta2),
        recipe.epsilon,
        trial.weight_decay,
    )


def assert_equals_lone_runs(
    races: list[Race], prepared: Prepared, scheduler: Scheduler | None = None
) -> None:
    """Final parameters and training losses of every member, in double precision."""
    cohort = observed(races, prepared)
    finals, results = cohort.finals, cohort.results()
    members = [(race, i) for race in races for i in range(len(race.trials))]
    for position, (race, index) in enumerate(members):
        module, losses = lone_run(race, index, prepared, scheduler)
        assert finals[position].keys() == module.state_dict().keys()
        for name, value in module.state_dict().items():
            torch.testing.assert_close(
                finals[position][name], value, rtol=1e-10, atol=1e-12, check_dtype=False
            )
        steps = results[position].curve.steps
        means = [np.mean(losses[a:b]) for a, b in itertools.pairwise(steps)]
        np.testing.assert_allclose(results[position].curve.train_loss[1:], means, rtol=1e-10)


def assert_equal_results(left: TrialResult, right: TrialResult) -> None:
    assert left.ended == right.ended
    for name, column in vars(left.curve).items():
        np.testing.assert_array_equal(column, getattr(right.curve, name), err_msg=name)


@pytest.mark.parametrize("kernel", ["stacked", "solo"])
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), slow(0.9, False), (0.8, True)])
def test_member_equals_a_lone_run_of_torch_optim(
    model: str,
    kernel: str,
    momentum: float,
    nesterov: bool,
    prepared: Prepared,
    recipe: Recipe,
    make_race: MakeRace,
) -> None:
    shared = replace(recipe, kernel=kernel, nesterov=nesterov)
    races = [
        make_race(
            shared,
            model=model,
            batch_size=7,
            replicate=replicate,
            rates=(0.003, 0.02, 0.05),
            momentum=momentum,
            weight_decay=0.01,
        )
        for replicate in (0, 1)
    ]
    assert_equals_lone_runs(races, prepared)


@pytest.mark.parametrize(
    ("model", "batch_size"),
    [
        *((model, size) for model in QUICK for size in (1, 4)),
        (f"{HERE}:batch_norm", 4),
        *(slow("lenet", size) for size in (1, 4)),
        *(slow(model, 64) for model in MODELS),
    ],
)
def test_results_are_bitwise_equal_at_any_width(
    model: str, batch_size: int, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, precision="32-true", max_steps=60, goal=0.8, race=1.2)
    rates = tuple(0.02 * 1.6**i for i in range(11))
    races = [
        make_race(shared, model=model, batch_size=batch_size, replicate=r, rates=rates)
        for r in range(3)
    ]
    widest = train(races, prepared, width=33)
    last_steps = {result.curve.last_step for race in widest for result in race}
    assert len(last_steps) > 1, "nobody left, so nothing was compacted"
    for width in (2, 3, 8, 32):
        for left, right in zip(widest, train(races, prepared, width), strict=True):
            for a, b in zip(left, right, strict=True):
                assert_equal_results(a, b)


@pytest.mark.parametrize("kernel", ["stacked", "solo"])
def test_replicates_and_cohort_mates_never_influence_each_other(
    kernel: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, kernel=kernel, precision="32-true", goal=0.3, race=1.5)
    races = [make_race(shared, replicate=r, rates=(0.01, 0.1, 0.5)) for r in range(3)]
    together = train(races, prepared)
    for race, results in zip(races, together, strict=True):
        for alone, mate in zip(train([race], prepared)[0], results, strict=True):
            assert_equal_results(alone, mate)
    reversed_order = train(races[::-1], prepared)[::-1]
    for left, right in zip(together, reversed_order, strict=True):
        for a, b in zip(left, right, strict=True):
            assert_equal_results(a, b)


def test_evaluating_more_often_leaves_weights_bit_identical(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    often = replace(recipe, evaluation_ratio=1.01, evaluate_test=True, precision="32-true")
    seldom = replace(recipe, evaluation_ratio=2.0, precision="32-true")
    model = f"{HERE}:batch_norm"  # evaluation must not touch the running statistics either
    left, right = (observed([make_race(r, model=model)], prepared).finals for r in (often, seldom))
    assert left.keys() == right.keys()
    for trial, state in left.items():
        assert state.keys() == right[trial].keys()
        for name, value in state.items():
            assert torch.equal(value, right[trial][name]), name


@pytest.mark.parametrize("model", [*QUICK, f"{HERE}:batch_norm", slow("lenet")])
@pytest.mark.parametrize("kernel", ["stacked", "solo"])
def test_evaluation_batch_size_changes_no_loss(
    model: str, kernel: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    n = len(prepared.validation)
    curves = []
    for size in (1, 7, 64, n):
        shared = replace(
            recipe, kernel=kernel, max_steps=2, evaluation_batch_size=size, evaluate_test=True
        )
        [[result, _]] = train([make_race(shared, model=model)], prepared)
        curves.append(result.curve)
    for curve in curves[:-1]:
        for name, column in vars(curve).items():
            np.testing.assert_allclose(column, getattr(curves[-1], name), rtol=1e-12, err_msg=name)


def test_validation_figures_equal_torchs_on_the_whole_split(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    race = make_race(replace(recipe, evaluate_test=True))
    [results] = train([race], prepared)
    module, _ = lone_run(race, 1, prepared)
    for split, name in ((prepared.validation, "validation"), (prepared.test, "test")):
        resident = ResidentSplit(split, prepared, torch.device("cpu"), torch.float64)
        [(images, labels)] = resident.batches(len(split))
        outputs = module(images)
        loss = nn.functional.cross_entropy(outputs, labels).item()
        error = (outputs.argmax(1) != labels).double().mean().item()
        curve = results[1].curve
        assert getattr(curve, f"{name}_loss")[-1] == pytest.approx(loss, rel=1e-10)
        assert getattr(curve, f"{name}_error")[-1] == error


def test_a_trial_ends_in_every_way_it_can(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, precision="32-true", max_steps=400, goal=0.15, race=2.0)
    [raced] = train([make_race(shared, rates=(1e-4, 0.04, 0.2, 1e20))], prepared)
    slowest, slow, best, broken = raced
    assert slowest.ended is Ended.OUTPACED
    assert slow.ended is Ended.OUTRACED
    assert best.ended is Ended.REACHED
    assert broken.ended is Ended.DIVERGED
    first = best.curve.last_step
    assert slowest.curve.last_step == first
    assert 2 * first <= slow.curve.last_step < 2 * first * shared.evaluation_ratio + 1
    assert best.curve.validation_error[-1] <= 0.15 < best.curve.validation_error[-2]
    [lone] = train([make_race(shared, rates=(1e-4,))], prepared)
    assert lone[0].ended is Ended.EXHAUSTED
    assert lone[0].curve.last_step == 400
    [broken] = train([make_race(shared, model=f"{HERE}:faulty")], prepared)
    assert [r.ended for r in broken] == [Ended.FAILED] * 2
    assert broken[0].message.startswith("ArithmeticError: as the test wants it (in networks.py")
    [starved] = train([make_race(shared, model=f"{HERE}:hungry")], prepared)
    assert [r.ended for r in starved] == [Ended.OUT_OF_MEMORY] * 2


def test_short_memory_halves_the_width_down_to_the_least_that_computes_together(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace, monkeypatch: pytest.MonkeyPatch
) -> None:
    widths: list[int] = []

    def starved(cohort: Cohort) -> None:
        widths.append(cohort.plan.width)
        raise torch.OutOfMemoryError

    monkeypatch.setattr("pipeline.training.fit", starved)
    [results] = train([make_race(replace(recipe, kernel="stacked"))], prepared, width=36)
    assert {result.ended for result in results} == {Ended.OUT_OF_MEMORY}
    assert widths == [36, 18, 9, 8]


def test_curves_are_evaluated_at_the_planned_steps(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, landmarks=(23,), evaluation_ratio=1.3)
    [[result, _]] = train([make_race(shared)], prepared)
    assert tuple(result.curve.steps) == evaluation_steps(shared)
    assert np.isnan(result.curve.train_loss[0])
    assert np.isnan(result.curve.test_loss).all()


@pytest.mark.parametrize(("kernel", "batch_size"), [("solo", 8), ("solo", 1), ("stacked", 8)])
def test_a_lone_network_convolves_batches_that_lie_channels_last(
    kernel: str,
    batch_size: int,
    prepared: Prepared,
    recipe: Recipe,
    make_race: MakeRace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    strides: set[int] = set()
    convolve = torch.nn.functional.conv2d

    def watched(images: torch.Tensor, *others: object) -> torch.Tensor:
        if torch.is_grad_enabled():
            strides.add(images.stride(1))
        return convolve(images, *others)  # pyright: ignore

    monkeypatch.setattr(torch.nn.functional, "conv2d", watched)
    shared = replace(recipe, kernel=kernel, max_steps=2)
    train([make_race(shared, model="conv", batch_size=batch_size)], prepared)
    assert (strides == {1}) == (kernel == "solo" and batch_size > 1)


def test_dropout_depends_on_the_replicate_and_on_nothing_else(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    shared = replace(recipe, kernel="solo", max_steps=20)
    races = [make_race(shared, model=f"{HERE}:dropout", replicate=r) for r in (0, 1)]
    together = train(races, prepared)
    torch.manual_seed(1234)
    alone = train(races[1:], prepared)
    for a, b in zip(together[1], alone[0], strict=True):
        assert_equal_results(a, b)
    assert not np.array_equal(
        together[0][0].curve.validation_loss, together[1][0].curve.validation_loss
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
@pytest.mark.parametrize("kernel", ["stacked", "solo"])
@pytest.mark.parametrize("model", MODELS)
def test_a_gpu_gives_the_same_numbers_to_rounding(
    model: str, kernel: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    on_cpu = replace(recipe, kernel=kernel)
    on_gpu = replace(on_cpu, device="cuda")
    [expected] = train([make_race(on_cpu, model=model)], prepared)
    [results] = train([make_race(on_gpu, model=model)], prepared)
    for left, right in zip(results, expected, strict=True):
        np.testing.assert_allclose(
            left.curve.validation_loss, right.curve.validation_loss, rtol=1e-8
        )

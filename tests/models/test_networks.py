"""One conformance suite that every registered network passes."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from models.layers.embeddings import (
    dense_from_local,
    local_from_convolution,
    tied_from_convolution,
)
from models.registry import (
    check_name,
    infeasible,
    module_of,
    names,
    network,
    objective_of,
    stochastic,
)
from models.task import Objective, Task
from pipeline.images import Prepared

ROOT = Path(__file__).parents[2]

SHAPES = [(1, 8, 8, 10), (1, 28, 28, 10), (3, 32, 32, 100), (3, 64, 64, 7), (3, 32, 24, 5)]
TASKS = [Task(*shape) for shape in SHAPES]
REFUSED = {("dense", TASKS[3]): "above its limit of 50,000,000; use smaller images"}


def made(name: str, task: Task) -> torch.nn.Module:
    torch.manual_seed(0)
    return network(name).factory(task)


def outputs_of(name: str, task: Task, examples: int = 3) -> tuple[int, ...]:
    """Shape of a network's outputs: logits, but for a network whose output is the loss itself."""
    classifies = network(name).objective.name == "classification"
    return (examples, task.classes) if classifies else (examples,)


def starts_alike(name: str) -> bool:
    """Whether a network starts from the same weights whatever the seed, as its docstring says."""
    return "whatever the seed" in (inspect.getdoc(network(name).factory) or "")


def batch(task: Task, size: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, task.channels, task.height, task.width, generator=generator)


@pytest.mark.parametrize("name", names())
class TestNetwork:
    @pytest.mark.parametrize("task", TASKS, ids=str)
    def test_maps_images_to_outputs_or_refuses_clearly(self, name: str, task: Task) -> None:
        if complaint := REFUSED.get((name, task)):
            with pytest.raises(ValueError, match=complaint):
                made(name, task)
            assert complaint in infeasible(name, task, 8)
            return
        with torch.no_grad():
            assert made(name, task)(batch(task)).shape == outputs_of(name, task)
        assert infeasible(name, task, 8) == ""

    def test_is_determined_by_the_seed(self, name: str) -> None:
        left, right = made(name, TASKS[0]).state_dict(), made(name, TASKS[0]).state_dict()
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)
        other = network(name).factory(TASKS[0]).state_dict()  # the generator has moved on
        assert all(torch.equal(left[key], other[key]) for key in left) is starts_alike(name)

    def test_gradients_reach_every_parameter(self, name: str) -> None:
        trained, module = network(name), made(name, TASKS[0])
        outputs = module(batch(TASKS[0], 32))
        trained.objective.loss(outputs, torch.arange(32) % 10).mean().backward()
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.abs().sum() > 0, key

    def test_state_survives_a_round_trip(self, name: str) -> None:
        module, other = made(name, TASKS[0]), network(name).factory(TASKS[0])
        module(batch(TASKS[0], 8))  # moves running statistics, where there are any
        other.load_state_dict(module.state_dict())
        images = batch(TASKS[0])
        assert torch.equal(module.eval()(images), other.eval()(images))

    def test_a_few_steps_lower_the_loss_on_digits(self, name: str, prepared: Prepared) -> None:
        objective, module = network(name).objective, made(name, prepared.task)
        images = (torch.from_numpy(prepared.train.images[:64]).float() - 5) / 6
        labels = torch.from_numpy(prepared.train.labels[:64])
        optimiser = torch.optim.SGD(module.parameters(), lr=0.05)
        losses: list[float] = []
        for _ in range(8):
            loss = objective.loss(module(images), labels).mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]

    def test_couples_examples_only_if_it_says_so(self, name: str) -> None:
        """In training; perturbing a neighbour changes an example's outputs if they are coupled."""
        module = made(name, TASKS[0]).train()
        images = batch(TASKS[0])
        changed = images.clone()
        changed[1] += 1
        same = torch.equal(module(images)[0], module(changed)[0])
        assert same is not network(name).couples_examples

    def test_uncouples_examples_in_evaluation(self, name: str) -> None:
        module = made(name, TASKS[0]).eval()
        images = batch(TASKS[0])
        changed = images.clone()
        changed[1] += 1
        assert torch.equal(module(images)[0], module(changed)[0])

    def test_draws_random_numbers_only_if_it_says_so(self, name: str) -> None:
        module = made(name, TASKS[0]).train()
        same = torch.equal(module(batch(TASKS[0])), module(batch(TASKS[0])))
        assert same is not network(name).stochastic
        assert stochastic(name) is network(name).stochastic

    def test_trains_at_batch_size_one_or_says_why_not(self, name: str) -> None:
        complaint = infeasible(name, TASKS[0], 1)
        if name == "resnet18":  # four maps of 8×8 pixels, halved three times, are 1×1
            assert "more than 1 value per channel" in complaint
            return
        assert complaint == ""
        assert made(name, TASKS[0]).train()(batch(TASKS[0], 1)).shape == outputs_of(
            name, TASKS[0], 1
        )

    def test_says_where_it_comes_from_and_how_it_starts(self, name: str) -> None:
        assert network(name).source
        told = inspect.getdoc(network(name).factory) or ""
        assert "Initialisation: " in told


SMALLEST = {
    "conv": 4, "conv_true": 4, "dense": 4, "lenet": 4, "linear": 1, "local": 4, "mlp": 1,
    "mlp_matched": 4, "noisy_quadratic": 1, "resnet18": 1, "resnet8": 1, "resnet8_gn": 1,
    "simple_cnn": 4, "tied": 4, "vgg": 8,
}  # fmt: skip


@pytest.mark.parametrize("name", names())
def test_images_too_small_are_refused_before_anything_is_trained(name: str) -> None:
    side = SMALLEST[name]
    fitting = Task(1, side, side, 10)
    with torch.no_grad():
        assert made(name, fitting)(batch(fitting)).shape == outputs_of(name, fitting)
    assert infeasible(name, fitting, 2) == ""
    if side > 1:
        small = Task(1, side - 1, side, 10)
        with pytest.raises(ValueError, match=f"at least {side}×{side}"):
            made(name, small)
        assert f"{side - 1}×{side}" in infeasible(name, small, 2)


@pytest.mark.parametrize("side", [1, 4])
def test_batch_norm_on_maps_of_one_pixel_is_infeasible_at_batch_size_one(side: int) -> None:
    task = Task(1, side, side, 10)
    assert "more than 1 value per channel" in infeasible("resnet8", task, 1)
    assert infeasible("resnet8", task, 2) == ""
    assert infeasible("resnet8", Task(1, 5, 5, 10), 1) == ""


def test_asking_what_is_feasible_draws_no_random_number() -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    infeasible("resnet8", TASKS[0], 4)
    infeasible("conv", Task(1, 40, 40, 10), 4)
    assert torch.equal(torch.rand(1), expected)


def test_networks_within_the_usual_sizes_are_known_feasible_without_torch() -> None:
    code = (
        "import sys; from models.registry import infeasible, names, stochastic;"
        "from models.shape import Task;"
        "[(infeasible(n, Task(1, 8, 8, 10), 1), stochastic(n)) for n in names() if "
        "not n.startswith('resnet') or n.endswith('gn')]; print('torch' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False"]


@pytest.mark.parametrize("task", TASKS[:3] + TASKS[4:], ids=str)
def test_matched_mlp_has_about_as_many_parameters_as_conv(task: Task) -> None:
    counts = [
        sum(p.numel() for p in made(name, task).parameters()) for name in ("mlp_matched", "conv")
    ]
    four_units = 4 * (task.pixels + 1 + task.classes)
    assert abs(counts[0] - counts[1]) <= four_units / 2
    if counts[1] >= 2 * four_units:
        assert abs(counts[0] / counts[1] - 1) <= 0.1


def test_rungs_of_the_ladder_differ_only_in_their_layers() -> None:
    rungs = [made(n, TASKS[0]) for n in ("dense", "local", "tied", "conv", "conv_true")]
    for modules in zip(*(rung.children() for rung in rungs), strict=True):
        kinds = {type(module).__name__ for module in modules}
        if kinds == {"Dense2d", "LocallyConnected2d", "GloballyTied2d", "Convolution2d"}:
            assert len({(m.in_channels, m.out_channels) for m in modules}) == 1
        else:
            assert len(kinds) == 1
            assert len({repr(module) for module in modules}) == 1
    sizes = [sum(p.numel() for p in rung.parameters()) for rung in rungs]
    assert sizes == [66954, 24458, 8746, 1898, 1898]


def test_a_convolutional_network_is_each_freer_rung_with_embedded_weights() -> None:
    plain = made("conv", TASKS[0]).double()
    images = batch(TASKS[0]).double()
    for name in ("local", "tied", "dense"):
        rung = made(name, TASKS[0]).double()
        for position, size in ((0, (8, 8)), (3, (4, 4))):
            layer = plain[position]
            if name == "tied":
                rung[position] = tied_from_convolution(layer, size)
                continue
            local = local_from_convolution(layer, size)
            rung[position] = local if name == "local" else dense_from_local(local)
        rung[-1].load_state_dict(plain[-1].state_dict())
        torch.testing.assert_close(rung(images), plain(images), rtol=1e-11, atol=1e-12)


def test_only_resnet18_imports_torchvisions_networks() -> None:
    importers = {
        path.stem
        for top in ("models", "pipeline")
        for path in (ROOT / top).rglob("*.py")
        if re.search(r"torchvision(\.models| import .*models)", path.read_text())
    }
    assert importers == {"resnet18"}


@pytest.mark.parametrize("name", names())
def test_the_objective_is_known_without_importing_the_network(name: str) -> None:
    assert objective_of(name) == network(name).objective.name


def test_classification_scores_each_example() -> None:
    objective: Objective = network("mlp").objective
    outputs = torch.tensor([[2.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    targets = torch.tensor([0, 1, 0])
    torch.testing.assert_close(
        objective.loss(outputs, targets),
        torch.tensor([0.126928, 0.693147, 5.006715]), rtol=1e-5, atol=0,
    )  # fmt: skip
    assert objective.error(outputs, targets).tolist() == [0, 1, 1]


def test_a_users_network_is_found_with_what_it_declares() -> None:
    found = network("tests.pipeline.networks:batch_norm")
    assert found.couples_examples
    assert module_of(found.name) == "tests.pipeline.networks"
    assert network("tests.pipeline.networks:dropout").stochastic
    plain = network("tests.pipeline.networks:linear")
    assert (plain.couples_examples, plain.stochastic) == (False, False)


def test_batch_norm_on_single_pixels_is_infeasible_at_batch_size_one() -> None:
    name = "tests.pipeline.networks:batch_norm"
    assert "more than 1 value per channel" in infeasible(name, TASKS[0], 1)
    assert infeasible(name, TASKS[0], 2) == ""


def test_a_network_that_does_not_run_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(ValueError, match="faulty does not run on images of 2×1×8×8"):
        infeasible("tests.pipeline.networks:faulty", TASKS[0], 64)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("convv", "did you mean conv?"),
        ("transformer", "choose one of conv, conv_true, dense"),
        ("no.such.module:factory", "'no.such.module' of network"),
        ("models.conv", "package.module:factory"),
        ("../conv:x", "package.module:factory"),
    ],
)
def test_bad_names_are_refused(name: str, complaint: str) -> None:
    with pytest.raises(ValueError, match="network") as refused:
        check_name(name)
    assert complaint in str(refused.value)


def test_a_module_without_the_factory_is_refused() -> None:
    with pytest.raises(ValueError, match="has no factory 'nothing'"):
        network("models.conv:nothing")


@pytest.mark.parametrize("shape", [(0, 8, 8, 10), (1, 8, 8, 0)])
def test_empty_tasks_are_refused(shape: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Task(*shape)

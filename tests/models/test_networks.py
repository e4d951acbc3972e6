"""One conformance suite that every registered network passes."""

from __future__ import annotations

import pytest
import torch

from models.registry import check_name, infeasible, module_of, names, network, stochastic
from models.task import Objective, Task

SHAPES = [(1, 8, 8, 10), (1, 28, 28, 10), (3, 32, 32, 100), (3, 64, 48, 7)]
TASKS = [Task(*shape) for shape in SHAPES]


def made(name: str, task: Task) -> torch.nn.Module:
    torch.manual_seed(0)
    return network(name).factory(task)


def batch(task: Task, size: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(size, task.channels, task.height, task.width, generator=generator)


@pytest.mark.parametrize("name", names())
class TestNetwork:
    @pytest.mark.parametrize("task", TASKS, ids=str)
    def test_maps_images_to_logits(self, name: str, task: Task) -> None:
        assert made(name, task)(batch(task)).shape == (3, task.classes)

    def test_is_determined_by_the_seed(self, name: str) -> None:
        left, right = made(name, TASKS[0]).state_dict(), made(name, TASKS[0]).state_dict()
        assert left.keys() == right.keys()
        assert all(torch.equal(left[key], right[key]) for key in left)

    def test_gradients_reach_every_parameter(self, name: str) -> None:
        trained, module = network(name), made(name, TASKS[0])
        outputs = module(batch(TASKS[0], 32))
        trained.objective.loss(outputs, torch.arange(32) % 10).mean().backward()
        for key, parameter in module.named_parameters():
            assert parameter.grad is not None, key
            assert parameter.grad.abs().sum() > 0, key

    def test_state_survives_a_round_trip(self, name: str) -> None:
        module, other = made(name, TASKS[0]), network(name).factory(TASKS[0])
        other.load_state_dict(module.state_dict())
        assert torch.equal(module(batch(TASKS[0])), other(batch(TASKS[0])))

    def test_couples_examples_only_if_it_says_so(self, name: str) -> None:
        module = made(name, TASKS[0]).train()
        images = batch(TASKS[0])
        changed = images.clone()
        changed[1] += 1
        same = torch.equal(module(images)[0], module(changed)[0])
        assert same is not network(name).couples_examples

    def test_draws_random_numbers_only_if_it_says_so(self, name: str) -> None:
        module = made(name, TASKS[0]).train()
        same = torch.equal(module(batch(TASKS[0])), module(batch(TASKS[0])))
        assert same is not network(name).stochastic
        assert stochastic(name) is network(name).stochastic

    def test_is_feasible_at_batch_size_one(self, name: str) -> None:
        assert infeasible(name, TASKS[0], 1) == ""
        assert made(name, TASKS[0]).train()(batch(TASKS[0], 1)).shape == (1, 10)


@pytest.mark.parametrize("name", ["conv", "lenet"])
def test_images_too_small_to_pool_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="at least 4×4"):
        network(name).factory(Task(1, 3, 8, 10))


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
        ("transformer", "choose one of conv, lenet, mlp"),
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

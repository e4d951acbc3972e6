"""Networks are held against what they declare and must return, before anything trains."""

from __future__ import annotations

import re

import pytest
import torch

from models import contract
from models.contract import complaint
from models.registry import infeasible, names, network, unstackable
from models.task import Task
from tests.models.conftest import Own

TASK = Task(1, 8, 8, 10)
HEAD = """
import sys
import torch
import torch.nn.functional as F
from torch import nn
from models.registry import declare
from models.task import CLASSIFICATION, Objective

SCORED = Objective('scored', lambda outputs, targets: outputs, lambda outputs, targets: outputs)

class Body(nn.Module):
    def __init__(self, task, body):
        super().__init__()
        self.linear, self.body = nn.Linear(task.pixels, task.classes), body
    def forward(self, images):
        return self.body(self.linear(images.flatten(1)))

class Frozen(nn.BatchNorm1d):
    def train(self, mode=True):
        return super().train(False)

def layers(*more):
    return lambda task: nn.Sequential(
        nn.Flatten(), nn.Linear(task.pixels, task.classes), *(make() for make in more)
    )

def body(function):
    return lambda task: Body(task, function)

made = """


@pytest.mark.parametrize("name", names())
def test_every_registered_network_keeps_its_promises(name: str) -> None:
    """Also those that are known to be feasible unasked."""
    assert complaint(network(name), TASK, 2) == ""
    assert contract.unstackable(network(name), TASK, 2) == ""


@pytest.mark.parametrize(
    ("made", "found", "remedy"),
    [
        (
            "layers(lambda: nn.BatchNorm1d(10))",
            "couples the examples of a batch (layer 2, BatchNorm1d)",
            "objective=CLASSIFICATION, couples_examples=True",
        ),
        (
            "layers(lambda: nn.Dropout(0.1))",
            "draws random numbers in training (layer 2, Dropout)",
            "objective=CLASSIFICATION, stochastic=True",
        ),
        (
            "body(lambda outputs: F.dropout(outputs, 0.5))",
            "draws random numbers in training (its forward)",
            "objective=CLASSIFICATION, stochastic=True",
        ),
        (
            "layers(lambda: nn.BatchNorm1d(10), nn.AlphaDropout)",
            "couples the examples of a batch (layer 2, BatchNorm1d) and draws random numbers in "
            "training (layer 3, AlphaDropout)",
            "objective=CLASSIFICATION, couples_examples=True, stochastic=True",
        ),
        (
            "declare(objective=CLASSIFICATION, couples_examples=True)("
            "layers(lambda: nn.BatchNorm1d(10), nn.Dropout))",
            "draws random numbers in training (layer 3, Dropout)",
            "objective=CLASSIFICATION, couples_examples=True, stochastic=True",
        ),
        (
            "declare(objective=SCORED)(layers(lambda: nn.BatchNorm1d(10)))",
            "couples the examples of a batch (layer 2, BatchNorm1d)",
            "objective=..., couples_examples=True",
        ),
    ],
)
@pytest.mark.parametrize("batch_size", [1, 64])
def test_what_a_network_does_it_must_declare(
    made: str, found: str, remedy: str, batch_size: int, own: Own
) -> None:
    with pytest.raises(ValueError, match="does not say so") as refused:
        infeasible(own(HEAD + made, "made"), TASK, batch_size)
    assert f"made {found} and does not say so; put @declare({remedy}) of" in str(refused.value)


@pytest.mark.parametrize(
    "made",
    [
        "declare(objective=CLASSIFICATION, couples_examples=True)"
        "(layers(lambda: nn.BatchNorm1d(10)))",
        "declare(objective=CLASSIFICATION, stochastic=True)(layers(nn.Dropout))",
        "layers(lambda: Frozen(10))",
        "layers(lambda: nn.Dropout(0))",
        "layers(lambda: nn.GroupNorm(2, 10), lambda: nn.LayerNorm(10))",
        "declare(objective=SCORED)(body(lambda outputs: outputs.sum(1)))",
        "declare(objective=SCORED)(layers())",
    ],
)
def test_what_is_declared_or_does_nothing_is_feasible(made: str, own: Own) -> None:
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert infeasible(own(HEAD + made, "made"), TASK, 64) == ""
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize(
    ("made", "returned"),
    [
        ("body(lambda outputs: outputs[:, :5])", "a Tensor of 2×5"),
        ("body(lambda outputs: outputs[:, 0])", "a Tensor of 2"),
        ("body(lambda outputs: outputs.mean())", "a Tensor of one number"),
        ("body(lambda outputs: outputs[..., None])", "a Tensor of 2×10×1"),
        ("body(lambda outputs: (outputs, outputs))", "a value of type tuple"),
        ("body(lambda outputs: None)", "a value of type NoneType"),
    ],
)
def test_a_classifier_returns_a_logit_a_class(made: str, returned: str, own: Own) -> None:
    name = own(HEAD + made, "made")
    message = (
        f"network {name} returned {returned} for images of 2×1×8×8; its objective, "
        "classification, needs a Tensor of 2×10, a logit a class"
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        infeasible(name, TASK, 64)


def test_any_objective_takes_an_output_an_example(own: Own) -> None:
    name = own(HEAD + "declare(objective=SCORED)(body(lambda outputs: outputs.mean()))", "made")
    with pytest.raises(ValueError, match="scored, needs a Tensor of 2 or 2×…, one output an exam"):
        infeasible(name, TASK, 64)


@pytest.mark.parametrize(
    ("made", "complaint"),
    [
        ("lambda task: nn.Sequential(nn.Flatten(), nn.LazyLinear(10))", "'1.weight' of network"),
        ("layers(nn.LazyBatchNorm1d)", "'2.weight' of network .* is uninitialised"),
        ("lambda task: nn.Flatten()", "made has no parameters to train"),
        ("lambda task: layers()(task).requires_grad_(False)", "made has no parameters to train"),
        ("lambda task: None", "returned a value of type NoneType; it must return a torch"),
        ("body(lambda outputs: sys.exit(0))", r"does not run on .* \(SystemExit: 0\); mend it"),
        ("body(lambda outputs: outputs @ outputs)", r"does not run on .* \(RuntimeError: "),
    ],
)
def test_what_can_not_be_trained_is_refused(made: str, complaint: str, own: Own) -> None:
    with pytest.raises(ValueError, match=complaint):
        infeasible(own(HEAD + made, "made"), TASK, 64)


def test_a_complaint_without_words_is_one(own: Own) -> None:
    source = HEAD + "None\ndef wordless(task):\n    raise ValueError"
    assert infeasible(own(source, "wordless"), TASK, 64) == "ValueError"


@pytest.mark.parametrize(
    "body",
    [
        "lambda outputs: outputs if outputs.abs().max() > 5 else -outputs",
        "lambda outputs: nn.BatchNorm1d(10, momentum=None)(outputs)",
        "lambda outputs, rnn=nn.LSTM(10, 10): rnn(outputs[None])[0][0]",
    ],
)
def test_what_vmap_can_not_take_is_told_before_it_trains(body: str, own: Own) -> None:
    made = f"declare(objective=CLASSIFICATION, couples_examples=True)(body({body}))"
    name = own(HEAD + made, "made")
    network(name)
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    assert infeasible(name, TASK, 64) == ""
    assert "Error: " in unstackable(name, TASK, 64)
    assert torch.equal(torch.rand(1), expected)


def test_a_loss_that_vmap_can_not_take_is_told_too(own: Own) -> None:
    odd = "lambda outputs, targets: outputs.sum(1) if outputs.sum() > 0 else -outputs.sum(1)"
    name = own(HEAD + f"declare(objective=Objective('odd', {odd}, {odd}))(layers())", "made")
    assert infeasible(name, TASK, 64) == ""
    assert "control flow" in unstackable(name, TASK, 64)


def test_frozen_tables_of_integers_do_not_stand_in_the_way(own: Own) -> None:
    table = "nn.Parameter(torch.arange(10), requires_grad=False)"
    name = own(HEAD + f"body(lambda outputs, table={table}: outputs[:, table])", "made")
    assert unstackable(name, TASK, 64) == ""
    source = HEAD + (
        "lambda task: Table(task)\n"
        "class Table(nn.Linear):\n"
        "    def __init__(self, task):\n"
        "        super().__init__(task.pixels, task.classes)\n"
        f"        self.table = {table}\n"
        "    def forward(self, images):\n"
        "        return super().forward(images.flatten(1))[:, self.table]\n"
    )
    assert unstackable(own(source, "made"), TASK, 64) == ""


def test_what_has_no_backward_at_all_is_not_sent_to_the_solo_kernel(own: Own) -> None:
    name = own(HEAD + "body(lambda outputs: outputs.exp().mul_(2).exp().detach())", "made")
    with pytest.raises(ValueError, match=r"does not train on 64 images of 1×8×8 \(RuntimeError"):
        unstackable(name, TASK, 64)


def test_a_network_is_asked_for_all_of_a_batch_where_it_refuses_two_examples(own: Own) -> None:
    """Ghost batch normalisation, say, in parts of 16."""
    source = HEAD + (
        "body(lambda outputs: outputs if len(outputs) % 16 == 0 else parts(outputs))\n"
        "def parts(outputs):\n    raise ValueError(f'16 do not divide {len(outputs)} examples')\n"
    )
    name = own(source, "made")
    assert infeasible(name, TASK, 64) == ""
    assert unstackable(name, TASK, 64) == ""
    assert infeasible(name, TASK, 24) == "16 do not divide 24 examples"
    assert infeasible(name, TASK, 1) == "16 do not divide 1 examples"

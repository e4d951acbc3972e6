"""The derivation in docs/layers.md runs, and the tables of docs/networks.md are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from models.registry import names, network
from models.task import Task

DOCS = Path(__file__).parents[2] / "docs"


def test_every_block_of_the_derivation_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "layers.md").read_text(), re.DOTALL)
    assert sum(block.count("assert") for block in blocks) >= 25
    before, namespace = torch.get_default_dtype(), {}
    try:
        for number, block in enumerate(blocks):
            exec(compile(block, f"docs/layers.md, block {number}", "exec"), namespace)
    finally:
        torch.set_default_dtype(before)


def rows() -> dict[str, list[str]]:
    lines = re.findall(r"^\| `(\w+)` \|(.*)\|$", (DOCS / "networks.md").read_text(), re.MULTILINE)
    return {name: [cell.strip() for cell in cells.split(" | ")] for name, cells in lines}


def test_every_registered_network_is_described() -> None:
    assert set(rows()) == set(names())


@pytest.mark.parametrize("name", ["dense", "local", "tied", "conv", "conv_true"])
def test_parameters_are_those_in_the_table(name: str) -> None:
    tasks = (Task(1, 8, 8, 10), Task(1, 28, 28, 10), Task(3, 32, 32, 10))
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in network(name).factory(task).parameters()) for task in tasks
        ]
    assert rows()[name][1:] == [f"{count:,}" for count in counts]


@pytest.mark.parametrize(
    "name", sorted(set(names()) - {"dense", "local", "tied", "conv", "conv_true"})
)
def test_smallest_images_are_those_in_the_table(name: str) -> None:
    side = int(rows()[name][-1])
    with torch.device("meta"):
        network(name).factory(Task(1, side, side, 10))
        if side > 1:
            with pytest.raises(ValueError, match="use images of at least"):
                network(name).factory(Task(1, side - 1, side, 10))

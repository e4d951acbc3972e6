"""Turn params.yaml into a study of seconds: python tests/tiny.py params.yaml [key=value ...]."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

TINY = {
    "models": "[mlp, conv]",
    "sweep.batch_sizes": "[16, 64, 256]",
    "sweep.learning_rates.points": "4",
    "sweep.replicates": "2",
    "sweep.expand.rounds": "0",
    "sweep.search.sampler": "none",
    "sweep.budget.epochs": "2",
    "sweep.budget.min_steps": "60",
    "sweep.goals.levels": "[0.3, 0.2]",
    "training.kernel.stacked_up_to": "16",
    "training.workers": "2",
    "confirm.replicates": "2",
}


def change(path: Path, changes: dict[str, str]) -> None:
    """Set values, given as YAML, at dotted keys; comments stay."""
    yaml = YAML()
    document: Any = yaml.load(path)
    for key, value in changes.items():
        *branches, leaf = key.split(".")
        node = document
        for branch in branches:
            node = node[branch]
        if leaf not in node:
            raise KeyError(key)
        node[leaf] = YAML().load(value)
    with path.open("w") as file:
        yaml.dump(document, file)


if __name__ == "__main__":
    change(Path(sys.argv[1]), TINY | dict(pair.split("=", 1) for pair in sys.argv[2:]))

"""Users' factories are found, or refused with their module, their name and the remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.registry import check_name, infeasible, module_of, network, stochastic
from models.task import Task
from pipeline.settings_file import SettingsError, load_settings
from tests.models.conftest import Own

ROOT = Path(__file__).parents[2]
TASK = Task(1, 8, 8, 10)
WIDE = """
from torch import nn

WIDTH = 512

def wide(task):
    return nn.Sequential(nn.Flatten(), nn.Linear(task.pixels, task.classes))

def _inner(task):
    return wide(task)
"""


def test_a_misspelt_factory_is_no_batch_too_small(own: Own) -> None:
    name = own(WIDE, "wdie")
    for ask in (check_name, network, stochastic, lambda n: infeasible(n, TASK, 1)):
        with pytest.raises(ValueError, match="has no factory 'wdie'") as refused:
            ask(name)
        module = module_of(name)
        assert f"did you mean {module}:wide? Check models" in str(refused.value)
    with pytest.raises(ValueError, match=r"has no factory 'deep'; it has wide\. Check models"):
        check_name(own(WIDE, "deep"))


def test_settings_name_the_key_and_the_value_of_a_misspelt_factory(
    own: Own, tmp_path: Path
) -> None:
    params, name = tmp_path / "params.yaml", own(WIDE, "wdie")
    params.write_text((ROOT / "params.yaml").read_text().replace("models: [", f"models: [{name}, "))
    with pytest.raises(SettingsError, match=rf"models\[0\] is {name}: module .* has no factory"):
        load_settings(params)


@pytest.mark.parametrize(
    "source",
    [
        "from models.mlp import mlp as made",
        "from models.mlp import *\nglobals()['made'] = mlp",
        "def __getattr__(name):\n    from models.mlp import mlp\n    return mlp",
        "from models import mlp\nif mlp:\n    made = mlp.mlp",
        "from models.mlp import mlp\nfor made in [mlp]:\n    pass",
        "from torch import nn\nclass made(nn.Linear):\n"
        "    def __init__(self, task):\n        super().__init__(task.pixels, task.classes)\n"
        "    def forward(self, images):\n        return super().forward(images.flatten(1))",
    ],
)
def test_a_factory_may_be_made_in_any_way(source: str, own: Own) -> None:
    name = own(source, "made")
    check_name(name)
    assert infeasible(name, TASK, 4) == ""


def test_a_factory_that_only_the_import_could_make_is_missed_then(own: Own) -> None:
    name = own(WIDE + "globals()['other'] = wide", "wdie")
    check_name(name)
    with pytest.raises(ValueError, match=r"has no factory 'wdie'; did you mean .*:wide\? Check"):
        infeasible(name, TASK, 4)


def test_what_is_no_factory_is_refused(own: Own) -> None:
    with pytest.raises(ValueError, match=r"'WIDTH' in module .* is of type int, no factory"):
        infeasible(own(WIDE, "WIDTH"), TASK, 4)


def test_checking_a_name_imports_nothing(own: Own) -> None:
    check_name(own(WIDE + "raise ArithmeticError", "wide"))


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("raise SystemExit(0)", "SystemExit: 0, in net.py, line 1"),
        ("import sys\nsys.exit('no data')", "SystemExit: no data, in net.py, line 2"),
        (
            "import no_such_library",
            "ModuleNotFoundError: No module named 'no_such_library', in net.py, line 1",
        ),
        ("raise ValueError", "ValueError, in net.py, line 1"),
    ],
)
def test_a_module_that_ends_or_breaks_at_import_is_refused(
    source: str, complaint: str, own: Own
) -> None:
    name = own(f"{source}\n{WIDE}", "wide")
    for ask in (network, lambda n: infeasible(n, TASK, 1)):
        with pytest.raises(ValueError, match=rf"can't be imported \({complaint}\); mend it"):
            ask(name)


def test_a_package_that_ends_at_import_is_refused(own: Own, tmp_path: Path) -> None:
    name = own(WIDE, "wide")
    package = name.partition(".")[0]
    (tmp_path / package / "__init__.py").write_text("raise SystemExit(3)")
    with pytest.raises(ValueError, match=r"is not importable \(SystemExit: 3\)"):
        check_name(name)


@pytest.mark.parametrize("source", ["def wide(task:\n", "wide = 1\0"])
def test_a_module_that_is_no_python_is_refused(source: str, own: Own) -> None:
    with pytest.raises(ValueError, match=r"is no Python .*; mend it"):
        check_name(own(source, "wide"))


def test_a_factory_that_exits_is_refused_by_whoever_calls_it(own: Own) -> None:
    name = own("import sys\ndef wide(task):\n    sys.exit(0)", "wide")
    with pytest.raises(ValueError, match=r"factory of network .*:wide ends Python \(SystemExit"):
        network(name).factory(TASK)
    with pytest.raises(ValueError, match="ends Python"):
        infeasible(name, TASK, 1)

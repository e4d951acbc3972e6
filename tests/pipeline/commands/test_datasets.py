"""`batchscope datasets` lists every data set with its terms, fast."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli import app
from pipeline.datasets import names, specification
from tests import json_shapes


def test_every_data_set_is_listed_with_licence_and_citation() -> None:
    result = CliRunner().invoke(app, ["datasets"])
    assert result.exit_code == 0
    for name in names():
        (line,) = [line for line in result.output.splitlines() if line.startswith(f"{name} ")]
        assert line.endswith(specification(name).licence)
        assert f"  {name}: {specification(name).citation}" in result.output


def test_as_json_it_says_the_same() -> None:
    listed = json.loads(CliRunner().invoke(app, ["datasets", "--json"]).stdout)
    assert json_shapes.agrees(json_shapes.shape(listed), json_shapes.frozen("batchscope datasets"))
    assert [dataset["name"] for dataset in listed] == list(names())
    (digits,) = [dataset for dataset in listed if dataset["name"] == "digits"]
    assert digits == {
        "name": "digits",
        "examples": 1797,
        "channels": 1,
        "height": 8,
        "width": 8,
        "classes": 10,
        "origin": "bundled",
        "licence": "CC BY 4.0",
        "citation": specification("digits").citation,
    }


def test_it_imports_neither_torch_nor_scipy() -> None:
    code = (
        "import sys; from pipeline.cli import app; app(['datasets'], standalone_mode=False); "
        "sys.exit(bool({'torch', 'scipy', 'PIL'} & set(sys.modules)))"
    )
    root = Path(__file__).parents[3]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, check=False, capture_output=True)
    assert run.returncode == 0, run.stderr

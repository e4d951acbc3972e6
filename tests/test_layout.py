"""The code keeps to docs/architecture.md: import ranks, sole homes, sizes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d) \| (`[^|]+) \|[^|]+\|([^|]*)\|$", re.MULTILINE)
TABLE = ROW.findall((ROOT / "docs" / "architecture.md").read_text())
PACKAGES = {"models", "pipeline"} | {
    f"{top}.{name}"
    for top, names in (
        ("models", ("arithmetic", "layers")),
        ("pipeline", ("engines", "stages", "study", "commands", "commands.study")),
    )
    for name in names
}


def modules() -> dict[str, Path]:
    paths = [p for top in ("models", "pipeline") for p in (ROOT / top).rglob("*.py")]
    return {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p
        for p in paths
    }


def row_of(module: str) -> int:
    """Position in the table of the row that a module stands in."""
    rows = [
        i
        for i, (_, names, _) in enumerate(TABLE)
        for name in re.findall(r"`([^`]+)`", names)
        if fnmatchcase(module, name) or module == name.removesuffix(".*")
    ]
    assert len(rows) == 1, f"{module} stands in {len(rows)} rows of docs/architecture.md"
    return rows[0]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


MODULES = modules()


def test_the_table_is_read() -> None:
    assert len(TABLE) == 15


@pytest.mark.parametrize("module", sorted(set(MODULES) - PACKAGES))
def test_a_module_imports_lower_ranks_only(module: str) -> None:
    mine = row_of(module)
    for imported in imports(MODULES[module]):
        if imported not in MODULES or imported in PACKAGES:
            continue
        theirs = row_of(imported)
        if theirs == mine:
            continue
        if module.startswith("pipeline.") and imported.startswith("models."):
            continue  # the networks lie below all of the pipeline
        assert TABLE[theirs][0] < TABLE[mine][0], f"{module} imports {imported}"
        assert not (module.startswith("models.") and imported.startswith("pipeline."))


HOMES = {
    library: re.findall(r"`([^`]+)`", homes)
    for _, _, cell in TABLE
    for library, homes in re.findall(r"(\w+) \(([^)]*)\)", cell)
}


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_has_its_sole_home(library: str) -> None:
    importers = {
        module
        for module, path in MODULES.items()
        if any(name.partition(".")[0] == library for name in imports(path))
    }
    strangers = {m for m in importers if not any(fnmatchcase(m, home) for home in HOMES[library])}
    assert importers
    assert not strangers


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_are_short(module: str) -> None:
    text = MODULES[module].read_text()
    assert len(text.splitlines()) <= 250
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = [s for s in node.body if not isinstance(s, ast.Expr) or s is node.body[-1]]
            start = body[0].lineno if body else node.lineno
            assert (node.end_lineno or start) - start < 50, node.name


def test_estimators_know_neither_torch_nor_files() -> None:
    finickiness = [name for name in MODULES if name.startswith("pipeline.finickiness.")]
    for name in ("observations", "tuning", "cell_trials", "cliff", "hyperbola",
                 "trade_off", "steps_to_goal",
                 "hyperbola_fit", "bounded", "shape_free", "smooth_curve", "replicates",
                 "fixed_budget", "estimates", "intervals", "best_setting", "ratio",
                 "probe_estimates", "scaling_rules", "rule_curves", "paired_test",
                 "paired_regrets", "power", "verdict", "ladder_answer", "advice",
                 *(n.removeprefix("pipeline.") for n in finickiness)):  # fmt: skip
        used = {n.partition(".")[0] for n in imports(MODULES[f"pipeline.{name}"])}
        assert not used & {"torch", "pathlib", "os", "io", "pyarrow"}, name

"""dvc.yaml says what each stage depends on, and nothing it does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline.source import imported_modules

ROOT = Path(__file__).parents[1]
STAGES: dict[str, Any] = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
# Modules that can't change what a stage writes: they refuse, watch, tell, or move results about.
INFRASTRUCTURE = {
    "aside", "blame", "causes", "conflicts", "dataset_specification", "events", "exit_status",
    "expectations", "file_lock", "home", "lifeline", "memory", "progress", "settings_document",
    "settings_file", "settings_misfits", "settings_problems", "source", "studies.address",
    "studies.mirror",
    "studies.glance", "studies.projection", "studies.rows", "studies.storage", "study.confirmed",
    "study.data_lock", "study.guard", "study.marks", "study.mirrors", "study.places",
    "study.publish",
}  # fmt: skip
FOLDERS = ("engines", "tracking")  # likewise, whole packages
# Reached only through the check of params.yaml, which ends a stage or changes nothing.
CHECKS = {"datasets", "splits", "batch_sizes"}
# What the report stage reaches only through MLflow, which it shows its outputs in.
PUBLISHES = {"images", "ledger", "predictor", "race_file"}
USES = {
    "download": {"datasets"},
    "prepare": {"datasets", "splits"},
    "sweep": {"batch_sizes"},
    "confirm": {"batch_sizes"},
    "analyse": {"batch_sizes"},
    "report": set[str](),
}


def expected(stage: str) -> set[str]:
    """Files of the pipeline whose code can change what a stage writes."""
    files: set[str] = set()
    for module in imported_modules(f"pipeline.stages.{stage}"):
        name = module.removeprefix("pipeline").removeprefix(".")
        top = name.partition(".")[0]
        if not module.startswith("pipeline.") or name in INFRASTRUCTURE or top in FOLDERS:
            continue
        if top in CHECKS - USES[stage] or name in {"stages", "studies", "study"}:
            continue
        if stage == "report" and name in PUBLISHES:
            continue
        if stage == "report" and top in {"figures", "report"}:
            files |= {f"pipeline/{top}", "pipeline/templates"}
            continue
        package = top in {"settings", "datasets", "finickiness", "probes"}
        path = f"pipeline/{top}" if package else f"{module.replace('.', '/')}.py"
        assert (ROOT / path).exists()
        files.add(path)
    return files


@pytest.mark.parametrize("stage", list(STAGES))
def test_a_stage_depends_on_the_code_that_can_change_its_outputs(stage: str) -> None:
    listed = {dep for dep in STAGES[stage]["deps"] if dep.startswith("pipeline/")}
    assert listed == expected(stage)


@pytest.mark.parametrize("stage", ["sweep", "confirm"])
def test_training_depends_on_all_networks(stage: str) -> None:
    assert "models" in STAGES[stage]["deps"]


def test_stages_run_in_order_from_download_to_report() -> None:
    made: set[str] = set()
    for stage in ("download", "prepare", "sweep", "confirm", "analyse", "report"):
        needed = {d for d in STAGES[stage]["deps"] if d.split("/")[0] in {"data", "results"}}
        assert needed <= made, stage
        made |= set(STAGES[stage]["outs"])
    assert list(STAGES) == ["download", "prepare", "sweep", "confirm", "analyse", "report"]


def test_ledger_and_runs_are_no_outputs() -> None:
    """DVC deletes outputs before a stage runs."""
    outs = {out for stage in STAGES.values() for out in stage["outs"]}
    assert not any(out.startswith(("ledger", "mlflow", "optuna")) for out in outs)


def test_every_setting_is_a_parameter_of_some_stage() -> None:
    settings: dict[str, Any] = YAML(typ="safe").load(ROOT / "params.yaml")
    listed = {key for stage in STAGES.values() for key in stage["params"]}
    # Where runs are mirrored changes no output.
    assert {key.partition(".")[0] for key in listed} == set(settings) - {"tracking"}

"""Seconds per step of a lone run: measured once a machine, and never where a network breaks."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.images import read_manifest
from pipeline.settings_file import load_settings
from pipeline.study import seconds as module
from pipeline.study.seconds import seconds_table
from pipeline.study.session import design_of
from pipeline.trial import Cell
from tests.study.conftest import ROOT

CELLS = [Cell("mlp", 1), Cell("mlp", 256)]


def test_a_machine_measures_once(
    prepared_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    design = design_of(load_settings(ROOT / "params.yaml"), read_manifest(prepared_folder))
    first = seconds_table(design, CELLS, prepared_folder, tmp_path)
    assert first["batch_size"].tolist() == [1, 256]
    assert (first["seconds_per_step"] > 0).all()
    (kept,) = tmp_path.glob("seconds-*.json")
    assert sorted(json.loads(kept.read_bytes()).values()) == sorted(first["seconds_per_step"])

    monkeypatch.setattr(module, "_measured", lambda *_: pytest.fail("measured again"))
    assert seconds_table(design, CELLS[:1], prepared_folder, tmp_path).equals(first.head(1))
    other = replace(design, data_digest="0" * 64)
    with pytest.raises(pytest.fail.Exception, match="measured again"):
        seconds_table(other, CELLS, prepared_folder, tmp_path)


def test_a_damaged_file_is_measured_anew_and_a_broken_network_left_out(
    prepared_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    design = design_of(load_settings(ROOT / "params.yaml"), read_manifest(prepared_folder))
    seconds_table(design, CELLS[:1], prepared_folder, tmp_path)
    (kept,) = tmp_path.glob("seconds-*.json")
    kept.write_text("[1, 2")

    def breaks(cell: Cell, *_: object) -> float:
        if cell.batch_size == 256:
            raise RuntimeError("no memory")
        return 0.5

    monkeypatch.setattr("pipeline.lone_step.seconds_per_lone_step", breaks)
    found = seconds_table(design, CELLS, prepared_folder, tmp_path)["seconds_per_step"].tolist()
    assert found[0] == 0.5
    assert math.isnan(found[1])
    assert (
        "mlp at batch size 256 cannot be timed (RuntimeError: no memory)" in capsys.readouterr().err
    )

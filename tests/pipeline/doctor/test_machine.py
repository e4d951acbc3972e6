"""Cores, GPU, disk and locks, as a machine unlike this one would have them."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from pipeline.doctor import hardware, places
from pipeline.settings import Settings, TrainingSettings


def training(settings: Settings, **changes: Any) -> TrainingSettings:
    return settings.training.model_copy(update=changes)


def test_a_worker_a_core_is_good(settings: Settings) -> None:
    finding = hardware.threads(training(settings, workers="auto"), {}, 4, math.inf)
    assert finding.level == "ok"
    assert "4 workers" in finding.message


def test_more_workers_than_cores_take_turns(settings: Settings) -> None:
    finding = hardware.threads(training(settings, workers=8), {}, 4, math.inf)
    assert finding.level == "warning"
    assert finding.remedy == "set training.workers to 4"


def test_a_container_with_less_time_than_cores_is_told(settings: Settings) -> None:
    finding = hardware.threads(training(settings, workers="auto"), {}, 16, 2.0)
    assert finding.level == "warning"
    assert "2 cores' worth of time" in finding.message
    assert finding.remedy == "set training.workers to 2"


def test_thread_variables_are_told(settings: Settings) -> None:
    finding = hardware.threads(settings.training, {"OMP_NUM_THREADS": "7"}, 2, math.inf)
    assert "OMP_NUM_THREADS=7" in finding.message


@pytest.mark.parametrize(
    ("text", "cores"), [("max 100000\n", math.inf), ("150000 100000\n", 1.5), (None, math.inf)]
)
def test_the_quota_is_read(text: str | None, cores: float, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    if text is not None:
        file.write_text(text)
    assert hardware.quota(file) == cores


def test_torch_is_there() -> None:
    finding = hardware.torch_build()
    assert finding.level == "ok"
    assert torch.__version__ in finding.message


def test_a_torch_that_does_not_load_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert hardware.torch_build().level == "error"


@pytest.mark.parametrize(
    ("accelerator", "driver", "built_for", "level"),
    [
        ("cpu", True, "13.0", "ok"),
        ("auto", False, "13.0", "ok"),
        ("auto", True, "13.0", "warning"),  # the driver is too old
        ("auto", True, None, "warning"),  # torch is built for the CPU
        ("gpu", False, "13.0", "error"),
        ("gpu", True, None, "error"),
    ],
)
def test_a_gpu_that_torch_cannot_use(
    accelerator: str, driver: bool, built_for: str | None, level: str, settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    finding = hardware.gpu(training(settings, accelerator=accelerator), driver=driver)
    assert finding.level == level


def test_the_instruction_set_is_torchs() -> None:
    assert torch.backends.cpu.get_cpu_capability() in hardware.instruction_set().message


@pytest.mark.parametrize(("free", "level"), [(1e7, "error"), (1e9, "warning"), (1e11, "ok")])
def test_room_on_the_disk(free: int, level: str, tmp_path: Path) -> None:
    assert places.disk(tmp_path, int(free)).level == level


@pytest.mark.parametrize(
    ("kind", "level"),
    [("ext4", "ok"), ("apfs", "ok"), ("nfs4", "warning"), ("fuse.sshfs", "warning"),
     ("tmpfs", "warning")],
)  # fmt: skip
def test_file_systems(kind: str, level: str, tmp_path: Path) -> None:
    assert places.file_system(tmp_path, kind).level == level


def test_the_file_system_here_is_found(tmp_path: Path) -> None:
    assert "unknown" not in places.file_system(tmp_path / "not" / "yet").message


def test_folders_are_tried_and_left_empty(tmp_path: Path) -> None:
    assert places.writable((tmp_path, tmp_path / "later")).level == "ok"
    assert not list(tmp_path.iterdir())


def test_a_folder_without_permission_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(places.tempfile, "TemporaryFile", refuse)  # root may write anywhere
    finding = places.writable((tmp_path,))
    assert finding.level == "error"
    assert str(tmp_path) in finding.message


def test_locks_lock(tmp_path: Path) -> None:
    assert places.locks(tmp_path).level == "ok"
    assert not list(tmp_path.iterdir())


def test_locks_that_do_not_lock_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = SimpleNamespace(flock=lambda *_: None, LOCK_EX=2, LOCK_NB=4)
    monkeypatch.setattr(places, "fcntl", fake)
    assert "two processes can hold" in places.locks(tmp_path).message


def test_locks_that_are_not_supported_are_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(places, "fcntl", SimpleNamespace(flock=refuse, LOCK_EX=2, LOCK_NB=4))
    assert "No locks available" in places.locks(tmp_path).message


def test_affinity_counts() -> None:
    """Cores are those that this process may use, not those that the machine has."""
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("no affinity on this system")
    first = min(os.sched_getaffinity(0))
    code = (
        f"import os; os.sched_setaffinity(0, {{{first}}})\n"
        "from pipeline.doctor.hardware import threads\nprint(threads(None).message)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("1 of ")

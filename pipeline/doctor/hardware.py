"""Cores and threads, torch's build, GPU, and the instruction set that results depend on."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline.doctor.finding import Finding, error, ok, warning
from pipeline.machine import cores, has_nvidia_driver

if TYPE_CHECKING:
    from pipeline.settings import TrainingSettings

__all__ = ["gpu", "instruction_set", "quota", "threads", "torch_build"]

THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def quota(path: Path = QUOTA) -> float:
    """Cores' worth of time that a container may use; infinite where nothing says."""
    try:
        allowed, period = path.read_text().split()
        return int(allowed) / int(period)
    except (OSError, ValueError):  # no such file, or "max"
        return math.inf


def threads(
    training: TrainingSettings | None,
    environment: Mapping[str, str] = os.environ,
    allowed: int | None = None,
    limit: float | None = None,
) -> Finding:
    """Whether the workers that the settings ask for have a core each."""
    allowed = allowed or cores()
    limit = quota() if limit is None else limit
    asked = None if training is None or training.workers == "auto" else training.workers
    workers = asked or allowed
    has = f"{allowed} of {os.cpu_count()} cores" + (
        f", {limit:g} cores' worth of time" if limit < allowed else ""
    )
    room = min(allowed, math.ceil(limit) if limit < math.inf else allowed)
    if workers > room:
        return warning(
            "threads",
            f"{workers} workers for {has}: they take turns",
            f"set training.workers to {max(1, room)}",
        )
    known = [f"{name}={environment[name]}" for name in THREADS if name in environment]
    note = f"; {', '.join(known)} is one in workers" if known else ""
    return ok("threads", f"{has}; {workers} workers of one thread each{note}")


def torch_build() -> Finding:
    """Whether torch can be imported, and what it was built for."""
    try:
        import torch
    except Exception as problem:  # a library that does not load raises OSError, and others others
        first = f"{type(problem).__name__}: {problem}".splitlines()[0]
        return error("torch", f"import fails ({first})", "make clean, then make setup")
    cuda = torch.version.cuda
    return ok("torch", f"{torch.__version__}, built for {f'CUDA {cuda}' if cuda else 'the CPU'}")


def gpu(training: TrainingSettings | None, *, driver: bool | None = None) -> Finding:
    """Whether a GPU is used where there is one, and where one is asked for."""
    import torch

    driver = has_nvidia_driver() if driver is None else driver
    wanted = training.accelerator if training else "auto"
    if wanted == "cpu":
        return ok("gpu", "not asked for (training.accelerator is cpu)")
    if torch.cuda.is_available():
        return ok("gpu", "; ".join(map(_described, range(torch.cuda.device_count()))))
    if not driver:
        if wanted == "auto":
            return ok("gpu", "no NVIDIA driver; trains on the CPU")
        why, remedy = "there is no NVIDIA driver", "install one"
    elif torch.version.cuda is None:
        why, remedy = "torch is built for the CPU alone", "install torch from requirements.lock"
    else:
        why = f"torch, built for CUDA {torch.version.cuda}, can't use the driver"
        remedy = "install a newer driver, or a torch built for an older CUDA"
    if wanted == "gpu":
        return error("gpu", why, f"{remedy}, or set training.accelerator to auto")
    return warning("gpu", f"{why}; trains on the CPU", remedy)


def instruction_set() -> Finding:
    """The CPU's instruction set as torch sees it: on another, results differ in the last bits."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    if capability in {"DEFAULT", "default"}:
        return warning(
            "instruction set",
            "torch uses no vector instructions, and is several times slower",
            "unset ATEN_CPU_CAPABILITY, or take a machine with AVX2",
        )
    return ok("instruction set", f"{capability}; on another, results differ in the last bits")


def _described(index: int) -> str:
    import torch

    _, total = torch.cuda.mem_get_info(index)
    return f"{torch.cuda.get_device_name(index)}, {total / 2**30:.0f} GiB"

"""How workers come to life: forked where that is safe, so that seconds of imports are shared."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess, SpawnContext
from multiprocessing.process import BaseProcess
from typing import Final

from pipeline.machine import has_nvidia_driver

__all__ = ["start", "warm_up", "worker_context"]

_THREADS: Final = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_PAUSES: Final = (0.1, 1.0)  # seconds between attempts: a server that was killed dies for a while
_LONGEST: Final = 70  # bytes; a socket's address has 108, of which multiprocessing takes some 35
# What a worker imports; none of it starts a thread or touches an accelerator.
_SHARED: Final = ("pipeline.engines.worker", "pipeline.training", "pipeline.allocator")


def worker_context() -> ForkServerContext | SpawnContext:
    """How to start a worker.

    On Linux a server process imports once what all workers need, and forks itself for each: the
    first starts no later than on its own, the others at once. It has one thread and never trains,
    so nothing is lost in a fork. Where there is a GPU each worker starts from nothing: a process
    must not inherit CUDA, and libraries may look for devices as they are imported. So does it on
    other systems, as macOS's own libraries do not survive a fork, and where the folder for
    temporary files has too long a name for the server's socket. A forked worker has the
    environment variables of when the server started. Source: the documentation of multiprocessing,
    "Contexts and start methods".

    Returns:
        The context to make a worker and its line in.
    """
    room = len(os.fsencode(tempfile.gettempdir())) <= _LONGEST
    if sys.platform != "linux" or has_nvidia_driver() or not room:
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_SHARED))
    return context


def warm_up() -> None:
    """Begin the imports that workers share, where they share any, without waiting for them."""
    if worker_context().get_start_method() == "forkserver":
        with _told():
            _ensure_server()


def start(process: BaseProcess) -> None:
    """Start a worker made in `worker_context`; waits for imports that it is to share.

    A server that is killed before it has forked the worker is replaced, as workers are. A
    ValueError says that one after the other died, or that the system refuses.

    Args:
        process: Not started yet.
    """
    for pause in _PAUSES:
        with suppress(EOFError, OSError):
            _start(process)
            return
        time.sleep(pause)
    with _told():
        _start(process)


def _start(process: BaseProcess) -> None:
    if isinstance(process, ForkServerProcess):
        _ensure_server()  # not left to `start`, during which Ctrl-C is heard
        process.start()
    else:
        with _sheltered():
            process.start()


def _ensure_server() -> None:
    with _sheltered():
        forkserver.ensure_running()


@contextmanager
def _told() -> Generator[None]:
    """Say what to do where the system starts no more processes.

    A server whose fork is refused dies of it, and all that is heard is that its pipes are closed.

    Yields:
        Nothing.

    Raises:
        ValueError: With the remedy.
    """
    try:
        yield
    except (EOFError, OSError) as problem:
        told = None if isinstance(problem, EOFError | ConnectionError) else problem.strerror
        raise ValueError(
            f"worker processes can't be started ({told or 'the process that forks them died'}); "
            "raise the limit of processes or memory (ulimit -a, or the container's), or lower "
            "training.workers"
        ) from problem


@contextmanager
def _sheltered() -> Generator[None]:
    """Processes started meanwhile have one thread in numerical libraries and never see Ctrl-C.

    A terminal sends Ctrl-C to the whole group; this process sees it as soon as the block ends.
    """
    resource_tracker.ensure_running()  # its start would lift the mask
    kept = {name: os.environ.get(name) for name in _THREADS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        signal.pthread_sigmask(signal.SIG_SETMASK, before)

"""Stages end in order, hold their lock, and die with the command that started them."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pipeline.study import guard
from pipeline.study.guard import Holder, holder, locked
from tests.pipeline.conftest import ROOT

STAGE = """
    import sys, time
    from pathlib import Path
    from pipeline.study.guard import locked, stage

    @stage
    def main():
        with locked(Path("ledger")):
            print("at work", flush=True)
            {work}

    main()
"""


def heed_hangups() -> None:
    """As a terminal has it, wherever the tests run (under nohup, say)."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start(
    folder: Path,
    work: str,
    shell: bool = False,
    before: Callable[[], object] = heed_hangups,
    errors: int = subprocess.PIPE,
) -> subprocess.Popen[str]:
    (folder / "stage.py").write_text(textwrap.dedent(STAGE.format(work=work)))
    command = [sys.executable, "stage.py"]
    if shell:  # a shell that stays between the command and the stage, as dvc's may
        command = ["sh", "-c", f"{sys.executable} stage.py; exit $?"]
    return subprocess.Popen(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=errors, preexec_fn=before,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def wait_for(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "at work\n"


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_stopped_stage_says_how_to_go_on_and_fails(
    number: int, status: int, tmp_path: Path
) -> None:
    process = start(tmp_path, "time.sleep(60)")
    wait_for(process)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    assert said == (
        "stopped. What was trained is in the ledger; the same command goes on from there.\n"
    )


def test_a_closed_terminal_stays_unheard_to_the_end() -> None:
    before = signal.getsignal(signal.SIGHUP)
    try:
        with guard.orderly():
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as `unheard` does
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_stage_under_nohup_goes_on_when_the_terminal_is_closed(tmp_path: Path) -> None:
    ignored = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process = start(tmp_path, "time.sleep(60)", before=ignored)
    wait_for(process)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143


def test_a_stage_whose_terminal_is_closed_unwinds_although_nobody_can_be_told(
    tmp_path: Path,
) -> None:
    """What it has to say meanwhile (progress, warnings) would be an error each: EIO."""

    def lead() -> None:
        os.setsid()
        fcntl.ioctl(2, termios.TIOCSCTTY, 0)
        heed_hangups()

    terminal, theirs = os.openpty()
    tries = "try: print(0, flush=True); time.sleep(60)"
    tells = "finally: print(1, file=sys.stderr); print(2)"
    process = start(tmp_path, f"exec('{tries}\\n{tells}')", before=lead, errors=theirs)
    os.close(theirs)
    wait_for(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "0\n"
    os.close(terminal)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 129
    assert told == "2\n"


def test_bad_input_ends_in_a_message_and_status_2(tmp_path: Path) -> None:
    process = start(tmp_path, "raise ValueError('sweep.race is 0; make it at least 1')")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == "error: sweep.race is 0; make it at least 1\n"


def test_a_bug_keeps_its_traceback(tmp_path: Path) -> None:
    process = start(tmp_path, "raise KeyError('bug')")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" in said


def test_a_librarys_value_error_is_a_bug_and_no_bad_input(tmp_path: Path) -> None:
    process = start(tmp_path, "import json; json.loads('{')")
    _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" in said


@pytest.mark.parametrize("shell", [False, True])
def test_a_stage_dies_with_the_command_that_started_it(shell: bool, tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(
        "import subprocess, sys\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.pipeline.test_guard import start, wait_for\n"
        "from pathlib import Path\n"
        f"process = start(Path('.'), 'time.sleep(60)', shell={shell})\n"
        "wait_for(process)\n"
        "import psutil\n"
        "print(*[p.pid for p in psutil.Process().children(recursive=True)], flush=True)\n"
        "process.wait()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "parent.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(children) == 1 + shell
    parent.kill()
    parent.communicate()
    deadline = time.monotonic() + 30
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in children):
        assert time.monotonic() < deadline, "a stage outlived the command that started it"
        time.sleep(0.1)


def test_a_second_stage_is_refused_while_the_first_is_at_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_LOCK_SECONDS", 0.3)
    process = start(tmp_path, "time.sleep(60)")
    wait_for(process)
    with (
        pytest.raises(ValueError, match=f"in use by process {process.pid}"),
        locked(tmp_path / "ledger"),
    ):
        pass
    process.kill()
    process.communicate()
    with locked(tmp_path / "ledger"):
        assert (tmp_path / "ledger" / ".lock").read_text() == f"{os.getpid()} dvc"
        assert holder(tmp_path / "ledger") == Holder(os.getpid(), "dvc")
    assert holder(tmp_path / "ledger") is None
    assert holder(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("work", "said"),
    [
        ("Path('/dev/null/x').mkdir(parents=True)", "/dev/null.*: Not a directory; "),
        ("Path('/dev/full').write_text('x')", "No space left on device; free some space"),
        ("Path('none.csv').open()", "none.csv .*: No such file or directory; check the path"),
        ("raise PermissionError(13, 'Permission denied', 'a')", "a can't.*permissions"),
        ("raise OSError(30, 'Read-only file system', 'b')", "b can't.*can be written to"),
        ("raise OSError(122, 'Disk quota exceeded')", "a file can't.*quota"),
    ],
)
def test_files_that_fail_end_in_one_line_and_status_2(work: str, said: str, tmp_path: Path) -> None:
    process = start(tmp_path, work)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 2
    (line,) = complaint.splitlines()
    assert re.search(f"^error: .*{said}", line)


def test_a_full_disk_is_named_by_the_lock_that_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(guard.os, "write", full)
    with pytest.raises(OSError, match="No space") as failed, locked(tmp_path / "ledger"):
        pass
    assert failed.value.filename == str(tmp_path / "ledger" / ".lock")


@pytest.mark.parametrize(
    "work",
    [
        "raise OSError(9, 'Bad file descriptor')",
        "raise ConnectionError('gone')",
        "raise OSError(38, 'Function not implemented')",  # of no lock
    ],
)
def test_an_os_error_about_no_file_keeps_its_traceback(work: str, tmp_path: Path) -> None:
    process = start(tmp_path, work)
    _, complaint = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" in complaint


def test_within_a_lock_the_same_process_may_ask_again_and_keeps_it(tmp_path: Path) -> None:
    """A study locks its ledger once, and its phases again: between them it is still held."""
    folder = tmp_path / "ledger"
    with locked(folder, "mine"):
        for _ in range(2):
            with locked(folder, "mine"):
                pass
            assert holder(folder) == Holder(os.getpid(), "mine")
    assert holder(folder) is None

"""What a command says and does when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.commands.selftest import selftest
from tests.pipeline.conftest import ROOT
from tests.pipeline.test_guard import heed_hangups

SLEEPER = """
import time
import typer
from pipeline.commands.manners import run
app = typer.Typer()
@app.command()
def sleep():
    try:
        print("at work", flush=True)
        time.sleep(60)
    finally:
        print("unwound")
run(app)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_stopped_command_unwinds(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    command = subprocess.Popen(
        [sys.executable, "sleeper.py"], cwd=tmp_path, text=True, preexec_fn=heed_hangups,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert command.stdout is not None
    assert command.stdout.readline() == "at work\n"
    command.send_signal(number)
    told, said = command.communicate(timeout=60)
    assert (command.returncode, told, said) == (128 + number, "unwound\n", "")


def test_a_selftest_promises_nothing_of_its_temporary_ledger(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pipeline.study.selftest.selftest", stopped)
    with pytest.raises(SystemExit) as ended:
        selftest(quick=True)
    assert ended.value.code == 130
    said = capsys.readouterr().err
    assert said == "stopped. Nothing is left behind; the same command begins anew.\n"

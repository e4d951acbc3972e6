"""What mirrors are told of how a session ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.manifest import read_manifest
from pipeline.settings import Settings
from pipeline.study import mirrors
from pipeline.study.places import Places
from pipeline.tracking import NullMirror
from pipeline.tracking.mirror import SessionStatus


class Told(NullMirror):
    def __init__(self) -> None:
        self.status: SessionStatus | None = None

    def close(self, status: SessionStatus) -> None:
        self.status = status


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (KeyboardInterrupt(), "KILLED"),
        (SystemExit(143), "KILLED"),  # SIGTERM, in a command that is no stage
        (RuntimeError("a bug"), "FAILED"),
    ],
)
def test_a_session_that_a_signal_stopped_was_killed(
    end: BaseException,
    status: SessionStatus,
    settings: Settings,
    prepared_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = Told()
    monkeypatch.setattr(mirrors, "_mirrors", lambda *_: (told,))
    places, manifest = Places(prepared=prepared_folder), read_manifest(prepared_folder)
    with (
        pytest.raises(type(end)),
        mirrors.mirrored(settings, places, manifest, "tune"),
    ):
        raise end
    assert told.status == status

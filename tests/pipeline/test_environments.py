"""What trained the races of a study is counted, and told where it differs in last bits."""

from __future__ import annotations

import pytest

from pipeline.environments import environments, mixed
from pipeline.study.session import tell_mixed

NOW = {
    "python": "3.11.7", "torch": "2.14.1", "lightning": "2.6.6", "device": "x86_64",
    "instruction_set": "AVX2", "threads": "1",
}  # fmt: skip
BEFORE = NOW | {"torch": "2.13.0"}


def test_those_with_most_races_come_first() -> None:
    found = environments([BEFORE, NOW, NOW])
    assert found == {
        "torch 2.14.1, x86_64, AVX2, 1 thread": 2,
        "torch 2.13.0, x86_64, AVX2, 1 thread": 1,
    }
    both = mixed(found)
    assert both.startswith("torch 2.14.1, x86_64, AVX2, 1 thread (2 races); torch 2.13.0, ")
    assert both.endswith(" (1 race)")


@pytest.mark.parametrize(
    "alike", [[], [NOW], [NOW, NOW | {"python": "3.13.0"}], [NOW, {}]]
)  # the last: its workers died before they could tell
def test_one_environment_is_nothing_to_tell(
    alike: list[dict[str, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    tell_mixed(alike)
    assert capsys.readouterr().err == ""


def test_several_are_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell_mixed([NOW, BEFORE, NOW | {"instruction_set": "AVX512"}, NOW])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the study's races were trained by versions or hardware")
    assert "AVX2, 1 thread (2 races); " in line
    assert "move ledger/ away" in line

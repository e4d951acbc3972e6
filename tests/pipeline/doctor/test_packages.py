from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pipeline.doctor import packages

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("version", "level"), [((3, 11, 0), "ok"), ((3, 13, 9), "ok"), ((3, 10, 14), "error"),
                           ((3, 14, 0), "error")],
)  # fmt: skip
def test_python_is_in_range_or_not(version: tuple[int, ...], level: str) -> None:
    finding = packages.python(">=3.11,<3.14", version)
    assert finding.level == level
    assert ".".join(map(str, version)) in finding.message


def test_a_package_that_is_missing_or_out_of_range_is_named() -> None:
    needed = [Requirement("optuna>=5,<6"), Requirement("torch>=2.9"), Requirement("rich")]
    there = {"optuna": "4.8.0", "rich": "15.0"}
    finding = packages.in_range(needed, there.get)
    assert finding.level == "error"
    assert "optuna is 4.8.0, needed is <6,>=5" in finding.message
    assert "torch is missing" in finding.message
    assert "rich" not in finding.message


def test_a_package_that_is_not_the_locked_one_is_a_warning() -> None:
    pins = {"torch": "2.14.1", "scikit-learn": "1.9.0"}
    there = {"torch": "2.13.0", "scikit-learn": "1.9.0"}
    finding = packages.locked(["torch", "scikit_learn", "unpinned"], pins, there.get)
    assert finding.level == "warning"
    assert "torch 2.13.0 (locked 2.14.1)" in finding.message
    assert "scikit" not in finding.message
    assert packages.locked(["scikit_learn"], pins, there.get).level == "ok"


def test_without_a_lock_file_nothing_is_claimed(tmp_path: Path) -> None:
    pins = packages.locked_versions(tmp_path / "requirements.lock")
    finding = packages.locked(["torch"], pins, {"torch": "1.0"}.get)
    assert finding.level == "ok"
    assert "no requirements.lock" in finding.message


def test_pins_are_read_with_their_markers(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text(
        "# made by a tool\n"
        "torch==2.14.1 \\\n    --hash=sha256:00 \\\n    # via batchscope\n"
        "colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:11\n"
        "Scikit_Learn==1.9.0 ; python_full_version >= '3.11' \\\n    --hash=sha256:22\n"
    )
    assert packages.locked_versions(lock) == {"torch": "2.14.1", "scikit-learn": "1.9.0"}


def test_the_projects_lock_pins_all_that_it_requires() -> None:
    _, needed = packages.required()
    pins = packages.locked_versions(ROOT / "requirements.lock")
    assert {r.name for r in needed} <= set(pins)
    assert {"torch", "optuna", "mlflow"} <= {r.name for r in needed}
    assert not {"ray", "pytest"} & {r.name for r in needed}


@pytest.mark.parametrize("name", ["lightning", "pytorch-lightning"])
@pytest.mark.parametrize("version", ["2.6.2", "2.6.3"])
def test_malicious_releases_are_an_error(name: str, version: str) -> None:
    finding = packages.known_bad({name: version}.get)
    assert finding.level == "error"
    assert f"{name} {version}" in finding.message
    assert "renew every password" in finding.remedy


@pytest.mark.parametrize("there", [{}, {"lightning": "2.6.1"}, {"pytorch-lightning": "2.6.6"}])
def test_other_releases_are_not(there: dict[str, str]) -> None:
    assert packages.known_bad(there.get).level == "ok"

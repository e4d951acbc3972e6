"""Python and the packages: in range, as locked, and none of the releases known to be malicious."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Generator, Iterable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING, Final

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pipeline.doctor.finding import Finding, error, ok, warning

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["in_range", "installed", "known_bad", "locked", "locked_versions", "python", "required"]

BAD: Final = {"lightning": ("2.6.2", "2.6.3"), "pytorch-lightning": ("2.6.2", "2.6.3")}
REINSTALL: Final = "pip install --require-hashes -r requirements.lock"
_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?$")

Version = Callable[[str], str | None]  # of an installed package


def installed(name: str) -> str | None:
    """Version of an installed package without its local part (+cpu), or None."""
    try:
        return metadata.version(name).partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def required() -> tuple[str, tuple[Requirement, ...]]:
    """The range of Python versions and the packages that batchscope's metadata ask for.

    Raises:
        LookupError: If batchscope is not installed.
    """
    try:
        about = metadata.metadata("batchscope")
    except metadata.PackageNotFoundError:
        raise LookupError("batchscope is not installed here") from None
    needed = (Requirement(text) for text in metadata.requires("batchscope") or ())
    return about["Requires-Python"], tuple(r for r in needed if not _extra(r))


def python(
    requires: str, version: tuple[int, ...] = sys.version_info[:3], prefix: str = sys.executable
) -> Finding:
    """Whether this Python is one that batchscope is made for."""
    written = ".".join(map(str, version))
    if SpecifierSet(requires).contains(written, prereleases=True):
        return ok("python", f"{written} at {prefix}")
    return error(
        "python",
        f"{written} at {prefix}; batchscope needs {requires}",
        "make the environment with another: make clean, then make setup PYTHON=python3.12, say",
    )


def in_range(requirements: Iterable[Requirement], version: Version = installed) -> Finding:
    """Whether every package is there, in the range that batchscope needs."""
    requirements = tuple(requirements)
    faults: list[str] = []
    for requirement in requirements:
        found = version(requirement.name)
        if found is None:
            faults.append(f"{requirement.name} is missing")
        elif not requirement.specifier.contains(found, prereleases=True):
            faults.append(f"{requirement.name} is {found}, needed is {requirement.specifier}")
    if faults:
        return error("packages", "; ".join(faults), REINSTALL)
    return ok("packages", f"all {len(requirements)} are there, in the ranges needed")


def locked(names: Iterable[str], pins: Mapping[str, str], version: Version = installed) -> Finding:
    """Whether packages have the versions that requirements.lock was tested with."""
    if not pins:
        return ok("lock file", "there is no requirements.lock here to compare versions with")
    differ = [
        f"{name} {found} (locked {pins[name]})"
        for name in map(canonicalize_name, names)
        if name in pins and (found := version(name)) and found != pins[name]
    ]
    if differ:
        return warning(
            "lock file",
            f"other versions than locked, so numbers may differ: {', '.join(differ)}",
            REINSTALL,
        )
    return ok("lock file", "the packages have the locked versions")


def locked_versions(path: Path) -> dict[str, str]:
    """Versions that a lock file pins for this Python and platform, by package.

    Args:
        path: In the format of pip's requirement files.

    Returns:
        Nothing where there is no such file: an installed wheel has none.
    """
    if not path.is_file():
        return {}
    return dict(_pins(path.read_text(encoding="utf-8").splitlines()))


def known_bad(version: Version = installed) -> Finding:
    """Whether a release is installed that is known to be malicious."""
    found = [f"{name} {v}" for name, bad in BAD.items() if (v := version(name)) in bad]
    if found:
        return error(
            "known-bad releases",
            f"{' and '.join(found)} was a malicious release: it may have stolen credentials",
            "remove this environment at once (make clean), set it up from requirements.lock, and "
            "renew every password, token and key that this account can read",
        )
    return ok("known-bad releases", "none")


def _pins(lines: Iterable[str]) -> Generator[tuple[str, str]]:
    """Name and version of each pin whose marker holds here.

    Yields:
        Canonical name, version.
    """
    for line in lines:
        pin = _PIN.match(line.strip())
        if pin and (not pin[3] or Marker(pin[3]).evaluate()):
            yield canonicalize_name(pin[1]), pin[2].partition("+")[0]


def _extra(requirement: Requirement) -> bool:
    return requirement.marker is not None and not requirement.marker.evaluate({"extra": ""})

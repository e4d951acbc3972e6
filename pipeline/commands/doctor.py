"""`batchscope doctor`: what could keep a study from running here?"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.exit_status import ExitStatus

if TYPE_CHECKING:
    from pipeline.doctor.finding import Finding

__all__ = ["doctor"]

_COLOURS = {"ok": typer.colors.GREEN, "warning": typer.colors.YELLOW, "error": typer.colors.RED}


def doctor(
    params: Annotated[Path, typer.Option(help="Settings of the study.")] = Path("params.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check Python, packages, disk, git, DVC, databases, cores and GPU, each with a remedy.

    Exit status 1 if there is an error, that is, something that keeps a study from running or
    makes it wrong; warnings alone leave it at 0. Nothing is changed.

    Examples:
        batchscope doctor
        batchscope doctor --json
    """
    from pipeline.doctor.examination import examine
    from pipeline.study.places import PREPARED, RESULTS, ledger_folder

    findings: list[Finding] = []
    for finding in examine(params, ledger_folder(), PREPARED, (ledger_folder(), RESULTS, PREPARED)):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    counts = Counter(finding.level for finding in findings)
    if as_json:
        document = {"findings": [asdict(finding) for finding in findings]}
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        typer.echo(f"{_count(counts['error'], 'error')}, {_count(counts['warning'], 'warning')}")
    if counts["error"]:
        sys.exit(ExitStatus.PROBLEM)


def _count(number: int, noun: str) -> str:
    return f"{number or 'no'} {noun}{'' if number == 1 else 's'}"


def _tell(finding: Finding) -> None:
    level = typer.style(f"{finding.level:<8}", fg=_COLOURS[finding.level])
    typer.echo(f"{level}{finding.subject:<19}{finding.message}")
    if finding.remedy:
        typer.echo(f"{'':<8}{'':<19}→ {finding.remedy}")

"""The report's page: one file, no network, the chart player inlined once."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from pipeline.figures import PLAYER_VERSION, THEMES
from pipeline.report.findings import findings
from pipeline.report.overview import overview, rates, steps_between
from pipeline.report.tables import tables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pipeline.figures import Estimates, Figure
    from pipeline.report.lone_runs import LoneRuns

__all__ = ["page"]

_PLAYER: Final = "window.vegaEmbed = vegaEmbed;"  # all that the page calls
_TEMPLATE: Final = "report.html.j2"


@dataclass(frozen=True)
class _Picture:
    """A figure with its print, as an address that needs no other file."""

    figure: Figure
    still: str


def page(
    estimates: Estimates,
    figures: Sequence[Figure],
    stills: Mapping[str, str],
    facts: Mapping[str, str],
    lone: LoneRuns,
) -> str:
    """Render the page.

    Args:
        estimates: What the analysis resolved.
        figures: In the order of the page.
        stills: SVG text by name of figure.
        facts: What was studied, in words, by term.
        lone: How long a lone run takes.

    Returns:
        HTML of one self-contained file; the same arguments give the same text.
    """
    environment = Environment(
        loader=PackageLoader("pipeline"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [_Picture(figure, _address(stills[figure.name])) for figure in figures]
    return environment.get_template(_TEMPLATE).render(
        estimates=estimates,
        facts=facts,
        findings=findings(estimates),
        steps=steps_between(estimates),
        tables={
            table.name: table
            for table in (overview(estimates), rates(estimates), *tables(estimates, lone))
        },
        pictures=pictures,
        player=_player(),
        themes=_script_json(THEMES),
        specifications=_script_json({
            figure.name: {**specification, "description": figure.summary}
            for figure in figures
            for specification in [figure.specification]
            if specification is not None
        }),
    )


@cache
def _player() -> str:
    """The script that makes figures interactive, the same for all pages."""
    return vl_convert.javascript_bundle(_PLAYER, PLAYER_VERSION)


def _address(svg: str) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _script_json(value: Mapping[str, Any]) -> str:
    """JSON that cannot end the script element it stands in, whatever a model is called."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")

"""Pilot: the goals of a study that leaves them to be found, before anything is raced."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.pilot_goals import pilot_goals
from pipeline.study.guard import say
from pipeline.study.places import ledger_folder
from pipeline.study.session import design_of, session
from pipeline.tables import curves_table, trials_table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.design import Design
    from pipeline.outcome import RaceResult
    from pipeline.settings import Settings
    from pipeline.study.places import Places
    from pipeline.trial import Race

__all__ = ["Pilot", "filed_goals", "given_goals", "pilot", "piloted"]


@dataclass(frozen=True)
class Pilot:
    """A study whose goals are numbers.

    Attributes:
        settings: Of the study, the goals as numbers.
        results: Of the pilot's races; none where the goals were given.
        document: What goals.json holds: ``quantity``, ``levels``, and for each of ``networks`` what
            the pilot saw.
    """

    settings: Settings
    results: tuple[RaceResult, ...]
    document: dict[str, Any]


def given_goals(settings: Settings) -> Pilot:
    """A study whose settings say the goals."""
    goals = settings.sweep.goals
    document: dict[str, Any] = {
        "quantity": goals.quantity,
        "levels": goals.numbers,
        "networks": [],
    }
    return Pilot(settings, (), document)


def piloted(
    design: Design,
    validation_examples: int,
    run: Callable[[Sequence[Race]], list[RaceResult]],
) -> Pilot:
    """Train the pilot where the goals are auto, and find them.

    Args:
        design: Makes its races.
        validation_examples: Size of the validation split.
        run: Trains those that the ledger lacks and returns the results of all.

    Returns:
        The study with goals; a function of the pilot's curves alone.

    Raises:
        ValueError: If no model can train where the pilot would.
    """
    settings, goals = design.settings, design.settings.sweep.goals
    if goals.levels != "auto":
        return given_goals(settings)
    races = design.pilot()
    if not races:
        raise ValueError(
            "sweep.goals.levels is auto, and none of models can train at the reference batch size "
            "or a larger one of sweep.batch_sizes, where a pilot finds the goals; add a larger one"
        )
    results = run(races)
    found = pilot_goals(
        trials_table(results),
        curves_table(results),
        quantity=goals.quantity,
        validation_examples=validation_examples,
    )
    document = {"quantity": goals.quantity, **asdict(found)}
    return Pilot(settings.with_goals(found.levels), tuple(results), document)


def pilot(settings: Settings, places: Places) -> Pilot:
    """Find a study's goals, in a session of its own where that takes training.

    Args:
        settings: Of the study.
        places: Where its files are.

    Returns:
        The study with goals.
    """
    if settings.sweep.goals.levels != "auto":
        return given_goals(settings)
    with session("sweep", settings, places) as opened:
        runner = replace(opened.runner, stage="pilot")
        return piloted(opened.design, opened.manifest.validation_examples, runner.run)


def filed_goals(settings: Settings, places: Places) -> Settings:
    """Settings with the goals of a pilot that has been trained before; nothing trains here.

    Args:
        settings: Of the study, the goals auto.
        places: Where its prepared data are.

    Returns:
        The settings, the goals as numbers.

    Raises:
        ValueError: If the ledger lacks a race of the pilot.
    """
    manifest, ledger = read_manifest(places.prepared), Ledger(ledger_folder(), say)
    design = design_of(settings, manifest)
    kept = [ledger.read(race.fingerprint) for race in design.pilot()]
    results = [result for result in kept if result is not None and result.final]
    if len(results) < len(kept):
        raise ValueError(
            "sweep.goals.levels is auto, and its pilot has not been trained; give --goal, or run "
            "the sweep first (dvc repro sweep, or batchscope study run)"
        )
    return piloted(design, manifest.validation_examples, lambda _: results).settings

"""What racing saves, and whether it changes a tuned figure.

    python -m benchmarks.racing

Trains the default study's design twice, with its race and with none (on two cores some twenty
minutes; an interrupted run goes on in --folder), and compares every cell: the tuned learning rates,
the best steps to every goal, the examples processed, and whether trials that were judged too slow
were. Other race factors are replayed: a race only ends trials early, so an unraced study holds
every raced one; that the replay of the study's own factor is what was trained is checked. Prints
tables, and writes benchmarks/racing.json with its conditions.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.conditions import machine
from benchmarks.preparation import prepared_in
from benchmarks.refereed import refereed
from pipeline.engines.local import LocalEngine
from pipeline.ledger import Ledger
from pipeline.manifest import read_manifest
from pipeline.observations import observations
from pipeline.outcome import Ended, RaceResult
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.settings_document import Override
from pipeline.settings_file import load_settings
from pipeline.study.places import PARAMS
from pipeline.study.session import design_of
from pipeline.tables import curves_table, trials_table
from pipeline.tuned import tuned_by

FACTORS: Final = (8.0, 4.0, 3.0, 2.5, 2.0)


def main() -> None:
    """Train, compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/racing"))
    asked = parser.parse_args()
    raced = load_settings(PARAMS)
    own = raced.sweep.race
    assert isinstance(own, float), "the default study races"
    with_races, without = trained(asked.folder, [raced, unraced()])
    replays = {factor: [replayed(result, factor) for result in without] for factor in FACTORS}
    differences = _differences(with_races, [replayed(result, own) for result in without])
    cells = _cells(raced, with_races, without)
    factors = [_factor(raced, factor, replay, without) for factor, replay in replays.items()]
    _tell(cells, factors, differences)
    content = {
        "conditions": {"race": own, **machine()},
        "trained_otherwise_than_replayed": differences,
        "cells": cells,
        "factors": factors,
    }
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def unraced() -> Settings:
    """The default study's, without a race."""
    return load_settings(PARAMS, [Override(("sweep", "race"), "off", "sweep.race")])


def trained(folder: Path, studies: list[Settings]) -> list[list[RaceResult]]:
    """The designs of studies of the same data, trained unless the folder's ledger has them."""
    prepared = prepared_in(folder, studies[0].data)
    engine = LocalEngine(2, prepared)
    runner = Runner("sweep", Ledger(folder / "ledger", print), engine, (), 36, print)
    manifest = read_manifest(prepared)
    results = [runner.run(design_of(settings, manifest).grid()) for settings in studies]
    engine.close()
    return results


def replayed(result: RaceResult, factor: float) -> RaceResult:
    """What a race that was run without one would have been with it, as the referee says."""
    race = replace(result.race, recipe=replace(result.race.recipe, race=factor))
    curves = [trial.curve for trial in result.results]
    return replace(result, race=race, results=refereed(race.recipe, curves))


def _differences(trained: list[RaceResult], replay: list[RaceResult]) -> int:
    """Trials whose ending or curve differs, in any bit."""
    pairs = zip(_by_trial(trained).items(), _by_trial(replay).items(), strict=True)
    return sum(one != other for one, other in pairs)


def _by_trial(results: list[RaceResult]) -> dict[tuple[str, int, int, float], tuple[str, bytes]]:
    return {
        (trial.cell.model, trial.cell.batch_size, trial.replicate, trial.learning_rate): (
            one.ended.value,
            b"".join(column.tobytes() for column in vars(one.curve).values()),
        )
        for result in sorted(results, key=lambda result: result.race.trials)
        for trial, one in zip(result.race.trials, result.results, strict=True)
    }


def _cells(
    settings: Settings, raced: list[RaceResult], unraced: list[RaceResult]
) -> list[dict[str, Any]]:
    """Per cell the tuned learning rates, whether best steps agree, and examples."""
    tuned = [_tuned(settings, results) for results in (raced, unraced)]
    best = [_best(settings, results) for results in (raced, unraced)]
    spent = [_examples(results) for results in (raced, unraced)]
    rows: list[dict[str, Any]] = []
    for cell in tuned[0].index:
        within, without = (table.loc[cell] for table in tuned)
        same = [table[table.index.droplevel([2, 3]) == cell] for table in best]
        rows.append({
            "model": cell[0],
            "batch_size": cell[1],
            "raced": [within[name] for name in ("learning_rate", "low", "high")],
            "unraced": [without[name] for name in ("learning_rate", "low", "high")],
            "agree": bool(
                without["low"] <= within["learning_rate"] <= without["high"]
                and within["low"] <= without["learning_rate"] <= within["high"]
            ),
            "same_best_steps": same[0].equals(same[1]),
            "examples": [int(own[cell]) for own in spent],
        })  # fmt: skip
    return rows


def _factor(
    settings: Settings, factor: float, replay: list[RaceResult], unraced: list[RaceResult]
) -> dict[str, Any]:
    """What a race factor saves and changes, over all cells."""
    tuned, whole = _tuned(settings, replay), _tuned(settings, unraced)
    low, rate, high = (whole[name] for name in ("low", "learning_rate", "high"))
    within = tuned["learning_rate"].between(low, high) & rate.between(tuned["low"], tuned["high"])
    widths = np.log(tuned["high"] / tuned["low"]) / np.log(high / low)
    best, of_whole = _best(settings, replay), _best(settings, unraced)
    return {
        "factor": factor,
        "examples": float(_examples(replay).sum() / _examples(unraced).sum()),
        "agree": int(within.sum()),
        "cells": len(tuned),
        "farthest": float(np.exp(np.abs(np.log(tuned["learning_rate"] / rate)).max())),
        "interval_widths": float(np.median(widths)),
        "same_best_steps": int((best == of_whole).sum()),
        "of": len(best),
        **_judged(factor, replay, unraced),
    }


def _judged(
    factor: float, replay: list[RaceResult], unraced: list[RaceResult]
) -> dict[str, list[float] | int]:
    """How many trials were outpaced, and how fast those were that should not have been.

    ``wrong`` holds their steps over the first one's, at most ``factor``; ``diverged`` counts those
    that would have been seen to diverge before their race's end.
    """
    outpaced, wrong, diverged = 0, list[float](), 0
    for short, whole in zip(replay, unraced, strict=True):
        ends = [trial.curve.last_step for trial in whole.results if trial.ended is Ended.REACHED]
        for cut, full in zip(short.results, whole.results, strict=True):
            if cut.ended is Ended.OUTPACED:
                outpaced += 1
                times = full.curve.last_step / min(ends)
                if times <= factor and full.ended is Ended.REACHED:
                    wrong.append(round(times, 2))
                diverged += times <= factor and full.ended is Ended.DIVERGED
    return {"outpaced": outpaced, "wrong": sorted(wrong), "diverged": diverged}


def _tuned(settings: Settings, results: list[RaceResult]) -> pd.DataFrame:
    table = tuned_by(settings, trials_table(results), curves_table(results))
    return table.set_index(["model", "batch_size"])


def _best(settings: Settings, results: list[RaceResult]) -> pd.Series:
    """Fewest steps by cell, goal and replicate."""
    goals = settings.sweep.goals
    seen = observations(
        trials_table(results), curves_table(results), quantity=goals.quantity, goals=goals.numbers
    )
    reached = seen[seen["kind"] == "reached"]
    return reached.groupby(["model", "batch_size", "goal", "replicate"])["steps"].min()


def _examples(results: list[RaceResult]) -> pd.Series:
    return trials_table(results).groupby(["model", "batch_size"])["examples"].sum()


def _tell(cells: list[dict[str, Any]], factors: list[dict[str, Any]], differences: int) -> None:
    print("| model | batch size | with races | without | examples | agree | same best steps |")
    print("|---|---|---|---|---|---|---|")
    for row in cells:
        rates = " | ".join(
            "{:.3g} ({:.3g} to {:.3g})".format(*row[name]) for name in ("raced", "unraced")
        )
        share = row["examples"][0] / row["examples"][1]
        print(
            f"| {row['model']} | {row['batch_size']:,} | {rates} | {share:.2f} | "
            f"{row['agree']} | {row['same_best_steps']} |"
        )
    print(f"\ntrials trained otherwise than the replay has them: {differences}\n")
    print(
        "| race | examples | tuned rates agree | farthest | interval widths | same best steps | "
        "outpaced | of them too soon | or to diverge |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for row in factors:
        print(
            f"| {row['factor']:g} | {row['examples']:.3f} | {row['agree']} of {row['cells']} | "
            f"× {row['farthest']:.2f} | {row['interval_widths']:.2f} | "
            f"{row['same_best_steps']} of {row['of']} | {row['outpaced']} | "
            f"{', '.join(map(str, row['wrong'])) or 'none'} | {row['diverged']} |"
        )


if __name__ == "__main__":
    main()

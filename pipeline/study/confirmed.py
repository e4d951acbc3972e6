"""Which trained networks of confirm are kept, and which one of a model is recommended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from pipeline.study.table_file import read_table
from pipeline.tracking.runs import NAMESPACE, TrainedModel
from pipeline.trial import Cell

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from pipeline.study.places import Places

__all__ = ["ConfirmedModel", "confirmed_models", "recommended"]

_MEASURES: Final = ("validation_loss", "validation_error", "test_loss", "test_error")


@dataclass(frozen=True)
class ConfirmedModel:
    """One cell's network, trained at the tuned learning rate to the full budget.

    Attributes:
        cell: Model and batch size.
        weights: File of its weights.
        validation_loss: At the end of the budget, mean over all tuned replicates of the cell;
            infinite where one of them diverged or failed.
        shown: As MLflow shows it.
    """

    cell: Cell
    weights: Path
    validation_loss: float
    shown: TrainedModel

    @property
    def fingerprint(self) -> str:
        """Of its race."""
        return self.shown.fingerprint


def confirmed_models(places: Places) -> list[ConfirmedModel]:
    """The networks that confirm kept, but those that diverged; sorted by model and batch size.

    Args:
        places: Where its tables are.

    Returns:
        At most one per cell.
    """
    assignments = read_table(places.confirm / "assignments.parquet")
    trials = read_table(places.confirm / "trials.parquet")
    curves = read_table(places.confirm / "curves.parquet")
    last = curves.groupby(["fingerprint", "member"], sort=False).tail(1)
    tuned = assignments.loc[assignments["rule"] == "tuned", ["fingerprint", "member"]]
    rows = tuned.merge(trials, on=["fingerprint", "member"]).merge(
        last,
        on=["fingerprint", "member"],
        how="left",  # a trial that failed has no curve
    )
    found: list[ConfirmedModel] = []
    for (model, size), part in rows.groupby(["model", "batch_size"]):
        for row in cast("list[dict[str, Any]]", part.to_dict("records")):
            path = places.confirm / "weights" / f"{row['fingerprint']}.npz"
            if row["ended"] == "exhausted" and path.exists():
                cell = Cell(str(model), int(cast("int", size)))
                found.append(ConfirmedModel(cell, path, _loss(part), _shown(cell, row)))
    return found


def recommended(models: Sequence[ConfirmedModel]) -> list[ConfirmedModel]:
    """Per model, the one of the batch size with the least validation loss; none where all broke.

    Neither the test split nor any one replicate's luck decides.
    """
    best: dict[str, ConfirmedModel] = {}
    for candidate in models:
        known = best.get(candidate.cell.model)
        if math.isfinite(candidate.validation_loss) and (
            known is None or candidate.validation_loss < known.validation_loss
        ):
            best[candidate.cell.model] = candidate
    return list(best.values())


def _loss(part: pd.DataFrame) -> float:
    broken = bool((part["ended"] != "exhausted").any())
    return math.inf if broken else float(part["last_validation_loss"].mean())


def _shown(cell: Cell, row: dict[str, Any]) -> TrainedModel:
    tags = {
        "fingerprint": row["fingerprint"],
        "model": cell.model,
        "batch_size": str(cell.batch_size),
        "learning_rate": f"{row['learning_rate']:.3g}",
        "replicate": str(row["replicate"]),
    }
    return TrainedModel(
        row["fingerprint"],
        # MLflow takes no colon, dot or slash in a model's name.
        f"{''.join(c if c.isalnum() else '-' for c in cell.model)}-B{cell.batch_size}",
        int(row["step"]),
        {name: float(row[name]) for name in _MEASURES if math.isfinite(row[name])},
        {NAMESPACE + key: value for key, value in tags.items()},
    )

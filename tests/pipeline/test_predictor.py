"""What is exported of a trial is the network that was trained, and takes raw pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.registry import network
from pipeline.images import Prepared
from pipeline.ledger import Ledger, read_weights
from pipeline.outcome import RaceResult
from pipeline.predictor import predictor
from pipeline.training import train_cohort
from pipeline.trial import CohortPlan, Recipe
from tests.pipeline.conftest import MakeRace

BATCH_NORM = "tests.pipeline.networks:batch_norm"
TIED = "tests.pipeline.odd_states:tied"
MASKED = "tests.pipeline.odd_states:masked"


def trained(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace, model: str
) -> tuple[RaceResult, ...]:
    """Two races in one cohort, of which the second is to be kept."""
    races = tuple(make_race(recipe, model=model, replicate=r) for r in (0, 1))
    plan = CohortPlan(races, 8, keep=frozenset({races[1].fingerprint}))
    return train_cohort(plan, prepared, lambda _: None)


@pytest.mark.parametrize("model", ["mlp", "conv", BATCH_NORM, TIED, MASKED])
def test_it_scores_as_the_trial_did(
    model: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace, tmp_path: Path
) -> None:
    other, kept = trained(prepared, recipe, make_race, model)
    assert all(result.weights is None for result in other.results)
    ledger = Ledger(tmp_path, pytest.fail)
    ledger.write(kept)
    path = ledger.weights_file(kept.race.fingerprint)
    for member, result in enumerate(kept.results):
        network_of_trial = predictor(model, prepared, read_weights(path, member))
        split = prepared.validation
        with torch.no_grad():
            outputs = network_of_trial(torch.tensor(split.images))
        labels = torch.tensor(split.labels)
        objective = network(model).objective
        assert float(objective.error(outputs, labels).mean()) == pytest.approx(
            result.curve.validation_error[-1]
        )
        assert float(objective.loss(outputs, labels).mean()) == pytest.approx(
            result.curve.validation_loss[-1], rel=1e-9
        )


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("7.weight", None, "the trial had no 7.weight; put its code back as it was then, or train"),
        ("8.weight", np.zeros(2), "it has no 8.weight; put its code back"),
        ("7.bias", np.zeros(11), r"7.bias has the shape \(10,\), and had \(11,\); put"),
    ],
)
def test_another_network_than_was_trained_is_refused(
    name: str,
    value: np.ndarray | None,
    complaint: str,
    prepared: Prepared,
) -> None:
    made = network("conv").factory(prepared.task)
    weights = {n: p.detach().numpy() for n, p in made.named_parameters()}
    if value is None:
        del weights[name]
    else:
        weights[name] = value
    with pytest.raises(ValueError, match=f"network conv is not as it was .*: {complaint}"):
        predictor("conv", prepared, weights)


def test_keeping_weights_changes_no_number(
    prepared: Prepared, recipe: Recipe, make_race: MakeRace
) -> None:
    _, kept = trained(prepared, recipe, make_race, "conv")
    race = make_race(recipe, model="conv", replicate=1)
    [bare] = train_cohort(CohortPlan((race,), 8), prepared, lambda _: None)
    for mine, theirs in zip(kept.results, bare.results, strict=True):
        for name in vars(mine.curve):
            np.testing.assert_array_equal(getattr(mine.curve, name), getattr(theirs.curve, name))


@pytest.mark.parametrize("name", ["conv", TIED, MASKED])
def test_mlflow_reads_it_back(
    name: str, prepared: Prepared, recipe: Recipe, make_race: MakeRace, tmp_path: Path
) -> None:
    import mlflow

    from pipeline.tracking.model_files import save_model, stamped

    _, kept = trained(prepared, recipe, make_race, name)
    weights = kept.results[0].weights
    assert weights
    exported = predictor(name, prepared, weights)
    example = prepared.test.images[:2].astype(np.float32)
    save_model(tmp_path / "model", exported, example, 10)
    folder = stamped(tmp_path / "model", "m-1")
    images = prepared.test.images[:5].astype(np.float32)
    with torch.no_grad():
        expected = exported(torch.tensor(images)).numpy()
    model = mlflow.pyfunc.load_model(str(folder))
    for count in (1, 5):  # any number of images
        np.testing.assert_allclose(model.predict(images[:count]), expected[:count], rtol=1e-12)
    assert [spec.shape for spec in model.metadata.signature.inputs] == [(-1, 1, 8, 8)]
    np.testing.assert_array_equal(model.input_example, example)
    assert (folder / "data" / "model.pt2").exists()

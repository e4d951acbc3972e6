from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from pipeline.fingerprint import race_fingerprint
from pipeline.images import Prepared, load_prepared
from pipeline.trial import Race, Recipe, Trial
from tests.pipeline.mirrored import mirror

ROOT = Path(__file__).parents[2]
MakeRace = Callable[..., Race]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def prepared(prepared_folder: Path) -> Prepared:
    return load_prepared(prepared_folder)


@pytest.fixture(scope="session")
def ready_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's first start takes 2.5 s, so it is made once and copied."""
    path = tmp_path_factory.mktemp("mlflow") / "ready.db"
    mirror(f"sqlite:///{path}", models=()).open()
    return path


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """Fifty steps towards no goal, in double precision."""
    return Recipe(
        seed=0,
        order="epoch",
        optimiser="sgd",
        nesterov=False,
        kernel="stacked",
        precision="64-true",
        device="cpu",
        max_steps=50,
        landmarks=(),
        evaluation_ratio=1.5,
        evaluation_batch_size=64,
        evaluate_test=False,
        quantity="error",
        goal=None,
        race=None,
    )


@pytest.fixture(scope="session")
def make_race(prepared: Prepared) -> MakeRace:
    def make(
        recipe: Recipe,
        *,
        model: str = "mlp",
        batch_size: int = 8,
        replicate: int = 0,
        rates: tuple[float, ...] = (0.01, 0.1),
        momentum: float = 0.0,
        weight_decay: float = 0.0,
    ) -> Race:
        trials = tuple(
            Trial(model, batch_size, replicate, rate, momentum, weight_decay) for rate in rates
        )
        return Race(race_fingerprint(trials, recipe, prepared.digest), trials, recipe, "grid")

    return make

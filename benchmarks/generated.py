"""A study that nobody trained: its design's own races, with plausible curves, in a real ledger.

Steps to the hardest goal are lognormal about ``s_min (1 + b_crit / B)`` times two to half the
squared octaves between learning rate and ``eta_max / (1 + b_noise / B)``; far above it a trial
diverges. How trials end is decided by the product's own referee, on the curves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.refereed import refereed
from pipeline.outcome import Curve, RaceResult
from pipeline.seeds import seed_of
from pipeline.settings_document import Override
from pipeline.settings_file import load_settings
from pipeline.stopping import evaluation_steps
from pipeline.study.places import PARAMS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pipeline.ledger import Ledger
    from pipeline.settings import Settings
    from pipeline.trial import Race

__all__ = ["Generator", "sized_settings"]

SIZES: Final = (
    (1, 4, 16, 64, 256),
    (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024),
    (
        *(1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 640, 768),
        *(896, 1024, 1152),
    ),
)  # beside the full split; more of them from 3,000 and from 30,000 trials on
NOISE: Final = 0.15  # of ln steps, between replicates; half of it between the trials of one
START, FLOOR, STRETCH = 0.9, 0.02, 0.5  # of the error, which falls as a stretched exponential
EDGE: Final = 1.5  # octaves above the tuned learning rate from which on trials diverge


def sized_settings(trials: int) -> Settings:
    """The default study with as many batch sizes and replicates as make about ``trials`` of it."""
    sizes = SIZES[(trials > 3_000) + (trials > 30_000)]
    default = load_settings(PARAMS)
    each = len(default.models) * (len(sizes) + 1) * default.sweep.learning_rates.points
    asked = {
        "sweep.batch_sizes": f"[{', '.join(map(str, sizes))}, full]",
        "sweep.replicates": str(max(1, round(trials / each))),
        "confirm.reference_batch_size": "64",
        "confirm.probes.noise_scale": "false",
        "confirm.probes.sharpness": "false",
    }
    return load_settings(PARAMS, [Override(tuple(k.split(".")), v, k) for k, v in asked.items()])


@dataclass(frozen=True)
class Generator:
    """Takes a runner's place: what the ledger lacks is made up, and filed.

    Attributes:
        ledger: Where results go.
        models: Each has a truth of its own, by its place.
    """

    ledger: Ledger
    models: Sequence[str]

    def run(self, races: Sequence[Race]) -> list[RaceResult]:
        """Results of races, duplicates left out, all of them in the ledger."""
        plan = {race.fingerprint: race for race in races}
        results = [self._result(race) for race in plan.values()]
        for result in results:
            self.ledger.write(result)
        return results

    def _result(self, race: Race) -> RaceResult:
        at = np.array(evaluation_steps(race.recipe), dtype=np.int64)
        rng = np.random.default_rng(seed_of(0, race.fingerprint))
        columns = self._columns(race, at, rng)
        curves = [
            Curve(at, **{name: rows[member] for name, rows in columns.items()})
            for member in range(len(race.trials))
        ]
        results = refereed(race.recipe, curves)
        return RaceResult(race, results, 1.7e9, 1.0, {"python": "made up"})

    def _columns(
        self, race: Race, at: NDArray[np.int64], rng: np.random.Generator
    ) -> dict[str, NDArray[np.float64]]:
        """What would be measured of every trial [member, evaluation], had none stopped."""
        place, size = self.models.index(race.cell.model), race.cell.batch_size
        tuned = 2.0 / 1.3**place / (1 + 20.0 * 1.5**place / size)
        middle = (30 + 10 * place) * (1 + 40.0 * 1.5**place / size)
        octaves = np.log2([trial.learning_rate / tuned for trial in race.trials])[:, None]
        noise = NOISE * (rng.normal() + 0.5 * rng.normal(size=octaves.shape))
        steps = middle * 2 ** (octaves**2 / 2) * np.exp(noise)
        decay = (0.03 / (START - FLOOR)) ** ((at / np.minimum(steps, 1e12)) ** STRETCH)
        error = FLOOR + (START - FLOOR) * decay
        loss = 2.3 * error / START * rng.uniform(0.98, 1.02, size=error.shape)
        broken = (octaves > EDGE) & (at > np.maximum(3, steps / 4))
        loss = np.where(broken, np.nan, loss)
        untested = np.full(error.shape, np.nan)
        test = race.recipe.evaluate_test
        return {
            "validation_loss": loss,
            "validation_error": np.where(broken, START, error),
            "train_loss": np.where(at == 0, np.nan, 0.9 * loss),
            "test_loss": 1.05 * loss if test else untested,
            "test_error": np.where(broken, START, error + 0.01) if test else untested,
        }

from __future__ import annotations

import numpy as np
import pytest

from pipeline.best_setting import best_setting
from pipeline.points import design_points, learning_rate_grid
from pipeline.settings import Settings
from tests.pipeline.studies.planted_races import searching

BOXES = {
    "momentum": {"low": 0.0, "high": 0.95, "log": False},
    "weight_decay": {"low": 1e-5, "high": 1e-2, "log": True},
}


def asked(settings: Settings, design: str, points: int = 16) -> Settings:
    rates = {"low": 0.003, "high": 10.0, "points": points}
    return searching(settings, design=design, hyperparameters=BOXES, learning_rates=rates)


def test_the_grid_has_the_settings_momentum_and_weight_decay(settings: Settings) -> None:
    points = design_points(settings, 2)
    assert [p.learning_rate for p in points] == list(
        learning_rate_grid(settings.sweep.learning_rates, settings.training.seed, 2)
    )
    assert {p[1:] for p in points} == {(0.0, 0.0)}


def test_sobol_has_one_point_in_each_part_of_every_box(settings: Settings) -> None:
    points = design_points(asked(settings, "sobol"), 0)
    unit = np.array([
        [np.log(p.learning_rate / 0.003) / np.log(10 / 0.003), p.momentum / 0.95,
         np.log(p.weight_decay / 1e-5) / np.log(1e3)]
        for p in points
    ])  # fmt: skip
    for column in unit.T:
        assert sorted((16 * column).astype(int)) == list(range(16))


@pytest.mark.parametrize("design", ["sobol", "random"])
def test_designs_stay_in_their_boxes_and_differ_between_replicates(
    design: str, settings: Settings
) -> None:
    first, second = (design_points(asked(settings, design), i) for i in range(2))
    assert first == design_points(asked(settings, design), 0)
    assert not set(first) & set(second)
    assert len(first) == 16
    assert all(0.003 <= p.learning_rate <= 10 and 0 <= p.momentum <= 0.95 for p in first)


def test_the_best_setting_has_the_rate_profiled_over_the_others() -> None:
    rate = np.array([0.0, 1.0, 2.0, 0.5, 1.5, 2.5])
    cost = np.array([5.0, 3.0, 4.0, 6.0, 2.0, 7.0])
    replicate = np.array([0, 0, 0, 1, 1, 1])
    found = best_setting(rate, cost, replicate, (-9.0, 9.0), 0.5)
    assert found.trial == 4
    # Student with one degree of freedom: t(0.75) = 1, standard error of (1, 1.5) is 0.25.
    assert found.rate.low == pytest.approx(1.0)
    assert found.rate.high == pytest.approx(2.0)  # the next rate tried
    agreed = best_setting(
        np.tile(rate[:3], 2), np.tile(cost[:3], 2), np.repeat([0, 1], 3), (-9.0, 9.0), 0.95
    )
    assert (agreed.rate.low, agreed.rate.high) == (0.0, 2.0)
    alone = best_setting(rate[:3], cost[:3], replicate[:3], (-9.0, 9.0), 0.5)
    assert (alone.rate.value, alone.rate.low, alone.rate.high) == (1.0, -9.0, 9.0)

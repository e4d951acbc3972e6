from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from pipeline.finickiness.tuned_spread import after_common_steps, tuned_spread


def found(losses: dict[int, list[float]], **kinds: str) -> pd.DataFrame:
    return pd.DataFrame([
        {
            "batch_size": size,
            "replicate": replicate,
            "kind": kinds.get(f"b{size}r{replicate}", "measured"),
            "validation_loss": loss,
        }
        for size, own in losses.items()
        for replicate, loss in enumerate(own)
    ])


def test_it_is_worst_over_best_where_all_replicates_agree_which() -> None:
    made = tuned_spread(found({1: [0.2, 0.4], 16: [0.1, 0.1], 64: [0.15, 0.15]}), 0.95)
    assert made.ratio.value == pytest.approx((2 * 4) ** 0.5)
    assert (made.worst, made.best, made.replicates, made.reason) == (1, 16, 2, "")


def test_two_batch_sizes_have_the_paired_interval() -> None:
    losses = np.exp(np.random.default_rng(0).normal(size=(2, 6)))
    made = tuned_spread(found({1: losses[0].tolist(), 4: losses[1].tolist()}), 0.9).ratio
    known = stats.ttest_rel(*np.log(losses)).confidence_interval(0.9)
    mean = abs(float(np.mean(np.log(losses[0] / losses[1]))))
    assert made.value == pytest.approx(np.exp(mean))
    assert made.high is not None
    assert made.high == pytest.approx(np.exp(mean + (known.high - known.low) / 2))


def test_equal_batch_sizes_show_a_spread_in_one_study_of_twenty() -> None:
    rng, spread = np.random.default_rng(0), 0
    for _ in range(200):
        shared = rng.normal(0, 0.2, 5)
        sizes = {b: np.exp(shared + rng.normal(0, 0.1, 5)).tolist() for b in (1, 4, 16, 64)}
        made = tuned_spread(found(sizes), 0.95).ratio
        assert made.low is not None
        spread += made.low > 1
    assert 2 <= spread <= 21  # P < 0.001 outside for 5 %


def test_a_replicate_that_diverged_leaves_no_ratio() -> None:
    made = tuned_spread(found({1: [0.1, np.nan], 4: [0.1, 0.1]}, b1r1="diverged"), 0.95)
    assert made.ratio.value is None
    assert made.reason == "replicates diverged at batch size 1"


@pytest.mark.parametrize(
    ("losses", "reason"),
    [
        ({1: [0.1, 0.2]}, "fewer than 2 batch sizes"),
        ({1: [0.1], 4: [0.2]}, "1 replicates"),
        ({1: [0.0, 0.2], 4: [0.2, 0.1]}, "loss of 0"),
        ({}, "fewer than 2 batch sizes"),
    ],
)
def test_too_little_has_a_reason(losses: dict[int, list[float]], reason: str) -> None:
    table = found(losses) if losses else found({1: [1.0]}).iloc[:0]
    assert reason in tuned_spread(table, 0.95).reason


def test_a_failed_replicate_is_left_out_everywhere() -> None:
    table = found({1: [0.2, 0.2, 9.0], 4: [0.1, 0.1, 0.1]}, b1r2="missing")
    made = tuned_spread(table, 0.95)
    assert (made.ratio.value, made.replicates) == (pytest.approx(2), 2)


def trained(
    size: int, steps: list[int], ended: str = "exhausted"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    trials = pd.DataFrame([
        {"fingerprint": f"b{size}", "member": 0, "model": "m", "batch_size": size,
         "ended": ended, "max_steps": steps[-1]}
    ])  # fmt: skip
    loss = [1 / (1 + step) for step in steps]
    curves = pd.DataFrame({
        "fingerprint": f"b{size}", "member": 0, "step": steps, "validation_loss": loss,
        "validation_error": loss, "test_error": loss, "train_loss": loss,
    })  # fmt: skip
    return trials, curves


def test_common_steps_are_the_most_that_all_cells_were_evaluated_at() -> None:
    parts = [trained(1, [0, 10, 20, 21, 90]), trained(4, [0, 10, 20, 22])]
    trials, curves = (pd.concat(part) for part in zip(*parts, strict=True))
    steps, at = after_common_steps(trials, curves)
    assert steps == 20
    assert at["validation_loss"].tolist() == [pytest.approx(1 / 21)] * 2


def test_without_common_steps_there_is_no_budget() -> None:
    parts = [trained(1, [0, 10]), trained(4, [0, 20])]
    trials, curves = (pd.concat(part) for part in zip(*parts, strict=True))
    steps, at = after_common_steps(trials, curves)
    assert steps is None
    assert at.empty


def test_a_cell_that_diverged_does_not_shorten_what_the_others_are_compared_after() -> None:
    parts = [trained(1, [0, 10, 20]), trained(4, [0, 10, 20]), trained(16, [0, 8], "diverged")]
    trials, curves = (pd.concat(part) for part in zip(*parts, strict=True))
    steps, at = after_common_steps(trials, curves)
    assert steps == 20
    assert at.set_index("fingerprint")["kind"].to_dict() == {
        "b1": "measured", "b4": "measured", "b16": "diverged",
    }  # fmt: skip

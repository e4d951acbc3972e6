from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.outcome import Ended, RaceResult, TrialResult
from pipeline.tracking.projection import LONGEST, project
from pipeline.tracking.runs import Data, Study
from pipeline.trial import Race, Trial
from tests.pipeline.mirrored import RECIPE, curve, race_result

STUDY = Study(Data("digits", "d1"), "sweep", "abc123")


class TestProjection:
    def test_a_run_says_everything_about_its_trial(self) -> None:
        first, second, _ = project(race_result(), STUDY)
        assert first.name == "conv · B=64 · η=0.05 · r2"
        assert (first.started, first.ended) == (1_700_000_000_250, 1_700_000_007_750)
        assert (first.member, second.member) == (0, 1)
        assert first.parameters == {
            "model": "conv",
            "batch_size": "64",
            "replicate": "2",
            "learning_rate": "0.05",
            "momentum": "0.0",
            "weight_decay": "0.0",
            "seed": "0",
            "order": "epoch",
            "optimiser": "sgd",
            "nesterov": "false",
            "kernel": "stacked",
            "precision": "32-true",
            "device": "cpu",
            "max_steps": "400",
            "landmarks": "200, 400",
            "evaluation_ratio": "1.1",
            "evaluation_batch_size": "512",
            "evaluate_test": "false",
            "quantity": "error",
            "goal": "0.05",
            "race": "4.0",
            "schedule": "constant",
            "warmup": "0.0",
            "final": "1.0",
            "beta1": "0.9",
            "beta2": "0.999",
            "epsilon": "1e-08",
        }
        assert first.tags == {
            "batchscope.role": "trial",
            "batchscope.dataset": "digits",
            "batchscope.data_digest": "d1",
            "batchscope.model": "conv",
            "batchscope.batch_size": "64",
            "batchscope.learning_rate": "0.05",
            "batchscope.replicate": "2",
            "batchscope.phase": "sweep",
            "batchscope.origin": "grid",
            "batchscope.ended": "reached",
            "batchscope.fingerprint": "f1",
            "batchscope.member": "0",
            "batchscope.members": "3",
            "batchscope.git_commit": "abc123",
            "mlflow.source.name": "sweep",
            "mlflow.source.type": "LOCAL",
            "mlflow.source.git.commit": "abc123",
        }

    def test_summary_of_a_curve(self) -> None:
        (run,) = project(race_result(ended=(Ended.EXHAUSTED,)), STUDY)
        summary = {p.key: (p.value, p.step) for p in run.points[-4:]}
        assert summary == {
            "steps": (30, 0),
            "examples": (30 * 64, 0),
            "best_validation_loss": (2 / 31, 0),
            "best_validation_error": (2 / 31 / 3, 0),
        }

    def test_no_summary_without_an_evaluation(self) -> None:
        none = TrialResult(Ended.FAILED, curve(0), "broke")
        race = Race("f", (Trial("conv", 64, 0, 0.1),), RECIPE, "grid")
        (run,) = project(RaceResult(race, (none,), 1.0, 1.0, {}), STUDY)
        assert run.points == ()

    def test_outside_a_repository_the_commit_is_unknown(self) -> None:
        run, *_ = project(race_result(), Study(Data("digits", "d1"), "sweep", None))
        assert run.tags["batchscope.git_commit"] == "unknown"
        assert "mlflow.source.git.commit" not in run.tags

    @given(st.lists(st.floats(), min_size=1, max_size=30))
    def test_every_finite_evaluation_once_and_nothing_else(self, losses: list[float]) -> None:
        numbers = np.array(losses)
        result = TrialResult(Ended.DIVERGED, curve(len(losses), validation_loss=numbers))
        race = Race("f", (Trial("conv", 64, 0, 0.1),), RECIPE, "grid")
        (run,) = project(RaceResult(race, (result,), 1.0, 1.0, {}), STUDY)
        assert all(math.isfinite(point.value) for point in run.points)
        shown = [(p.step, p.value) for p in run.points if p.key == "validation_loss"]
        assert shown == [(10 * i, x) for i, x in enumerate(losses) if math.isfinite(x)]
        best = [p.value for p in run.points if p.key == "best_validation_loss"]
        assert best == [min(x for _, x in shown)] if shown else not best

    @given(st.floats(min_value=1e-300, max_value=1e300))
    def test_the_learning_rate_reads_back_exactly(self, rate: float) -> None:
        for value in (rate, np.float64(rate)):
            race = Race("f", (Trial("conv", 1, 0, value),), RECIPE, "grid")
            ended = TrialResult(Ended.REACHED, curve())
            (run,) = project(RaceResult(race, (ended,), 1.0, 1.0, {}), STUDY)
            assert float(run.parameters["learning_rate"]) == rate
            assert run.tags["batchscope.learning_rate"] == f"{rate:.3g}"
            assert f"η={rate:.3g} " in run.name

    @pytest.mark.parametrize("ended", Ended)
    def test_only_failures_are_failed(self, ended: Ended) -> None:
        (run,) = project(race_result(ended=(ended,)), STUDY)
        assert run.status == ("FAILED" if ended in {"failed", "out_of_memory"} else "FINISHED")
        assert run.tags["batchscope.ended"] == ended.value

    def test_a_long_message_keeps_both_ends_and_says_what_it_lost(self) -> None:
        message = "first line\n" + "x" * 100_000 + "\nOutOfMemoryError"
        (run,) = project(race_result(ended=(Ended.OUT_OF_MEMORY,), message=message), STUDY)
        note = run.tags["mlflow.note.content"]
        assert len(note) < LONGEST + 20
        assert note.startswith("```text\nfirst line")
        assert note.endswith("OutOfMemoryError\n```")
        kept = note.removeprefix("```text\n").removesuffix("\n```").count("x")
        assert f"{len(message) - LONGEST + 100:,} characters left out" in note
        assert kept < LONGEST

"""The benchmark for GPUs runs where there is none."""

from __future__ import annotations

import pytest
import torch

from benchmarks.gpu import main, measured, random_images


def test_every_width_and_batch_size_is_measured() -> None:
    found = list(measured(random_images(16), "cpu", ["conv"], [1, 16], [1, 4], seconds=0.01))
    assert [(one.batch_size, one.width) for one in found] == [(1, 1), (1, 4), (16, 1), (16, 4)]
    assert all(one.milliseconds for one in found)
    assert all(one.peak_gb is None and one.utilisation is None for one in found)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_a_gpu_says_what_memory_cohorts_take() -> None:
    (found,) = measured(random_images(16), "cuda", ["conv"], [16], [4], seconds=0.01)
    assert found.milliseconds
    assert found.peak_gb


def test_without_a_gpu_nothing_is_said_to_be_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    main()
    assert "not measured" in capsys.readouterr().out

"""Proposals that are kept: what they depend on, and that they are what would be proposed anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.design import Design
from pipeline.outcome import RaceResult
from pipeline.settings import Settings
from pipeline.studies import kept_proposals
from pipeline.studies.kept_proposals import KeptProposals
from pipeline.studies.proposals import propose
from pipeline.trial import Cell
from tests.pipeline.studies.planted_races import result_of, searching

CELL = Cell("mlp", 8)


@pytest.fixture
def asked(settings: Settings) -> Settings:
    search = {"sampler": "tpe", "proposals": 3, "limit": 6, "until": 1.001}
    return searching(settings, search=search)


def results_of(settings: Settings) -> list[RaceResult]:
    design = Design(settings, "digest", 1347, (8, 64), "cpu", lambda *_: "")
    return [result_of(race) for race in design.grid() if race.cell == CELL]


@pytest.fixture(autouse=True)
def fresh_versions() -> Iterator[None]:
    yield
    kept_proposals._versions.cache_clear()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Questions that a sampler was asked."""
    seen: list[object] = []
    answer = kept_proposals.answer

    def asking(question: Any) -> Any:
        seen.append(question)
        return answer(question)

    monkeypatch.setattr(kept_proposals, "answer", asking)
    return seen


def test_a_sampler_is_asked_once_and_proposes_as_it_would_anew(
    asked: Settings, answers: list[object], tmp_path: Path
) -> None:
    results = results_of(asked)
    first = KeptProposals(tmp_path / "ledger", keep=True).propose(CELL, results, asked, 1)
    again = KeptProposals(tmp_path / "ledger", keep=False).propose(CELL, results[::-1], asked, 1)
    assert first == again == propose(CELL, results, asked, 1)
    assert len(answers) == 1


@pytest.mark.parametrize(
    "change", ["round", "results", "sampler", "box", "seed", "goal", "library"]
)
def test_whatever_proposals_depend_on_asks_anew(
    change: str,
    asked: Settings,
    answers: list[object],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    results, kept, number = results_of(asked), KeptProposals(tmp_path, keep=True), 1
    kept.propose(CELL, results, asked, number)
    sweep = asked.sweep
    match change:
        case "round":
            number = 2
        case "results":
            results = results[1:]
        case "sampler":
            search = sweep.search.model_copy(update={"sampler": "random"})
            asked = asked.model_copy(update={"sweep": sweep.model_copy(update={"search": search})})
        case "box":
            rates = sweep.learning_rates.model_copy(update={"high": 20.0})
            sweep = sweep.model_copy(update={"learning_rates": rates})
            asked = asked.model_copy(update={"sweep": sweep})
        case "seed":
            training = asked.training.model_copy(update={"seed": 7})
            asked = asked.model_copy(update={"training": training})
        case "goal":
            levels = sweep.goals.model_copy(update={"levels": (0.2,)})
            asked = asked.model_copy(update={"sweep": sweep.model_copy(update={"goals": levels})})
        case _:
            kept_proposals._versions.cache_clear()  # as in another process
            monkeypatch.setattr(kept_proposals.metadata, "version", lambda _: "0")
    kept.propose(CELL, results, asked, number)
    assert len(answers) == 2


@pytest.mark.parametrize("content", [b"", b"[", b"{}", b"[3]", b'[{"learning_rate": "x"}]'])
def test_a_file_that_cannot_be_read_is_written_anew(
    content: bytes, asked: Settings, answers: list[object], tmp_path: Path
) -> None:
    kept, results = KeptProposals(tmp_path, keep=True), results_of(asked)
    first = kept.propose(CELL, results, asked, 1)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(content)
    assert kept.propose(CELL, results, asked, 1) == first
    assert file.read_bytes() == whole
    assert len(answers) == 2


def test_who_only_reads_writes_nothing(asked: Settings, tmp_path: Path) -> None:
    assert KeptProposals(tmp_path, keep=False).propose(CELL, results_of(asked), asked, 1)
    assert not list(tmp_path.iterdir())


def test_the_gp_computes_with_one_thread_and_leaves_the_others(settings: Settings) -> None:
    import optuna
    import torch

    torch.set_num_threads(2)
    seen: list[int] = []
    ask = optuna.Study.ask

    def asking(study: optuna.Study, *arguments: Any) -> Any:
        seen.append(torch.get_num_threads())
        return ask(study, *arguments)

    search = {"sampler": "gp", "proposals": 2, "limit": 2, "until": 1.001}
    gp = searching(settings, search=search)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(optuna.Study, "ask", asking)
        propose(CELL, results_of(gp), gp, 1)
    assert seen == [1, 1]
    assert torch.get_num_threads() == 2

"""A mirror that is lost costs training little, and lacks nothing once it is back."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from pipeline.events import Evaluated
from pipeline.outcome import RaceResult
from pipeline.tracking import Guarded, MlflowMirror, NullMirror, TrackingError
from pipeline.tracking.store import RunStore
from pipeline.trial import CohortPlan
from tests.pipeline.mirrored import mirror, opened, race_result, runs

CONNECT, RETRIES = "PGCONNECT_TIMEOUT", "MLFLOW_HTTP_REQUEST_MAX_RETRIES"


class Server(NullMirror):
    """A mirror that comes and goes, by a clock of its own, which an attempt in vain moves on."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.there = True
        self.takes = 13.0  # seconds, until it is given up
        self.tries = 0
        self.followed: list[str] = []
        self.refused: set[str] = set()
        self.shown: dict[str, RaceResult] = {}
        self.manners: list[tuple[str | None, ...]] = []

    def settled(self, fingerprints: Iterable[str]) -> bool:
        return False

    def open(self) -> None:
        self._asked()

    def follow(self, evaluated: Evaluated) -> None:
        self._asked()
        self.followed.append(evaluated.plan.races[0].fingerprint)

    def write(self, result: RaceResult) -> None:
        self._asked()
        if result.race.fingerprint in self.refused:
            raise TrackingError("http://127.0.0.1:9", "too large")
        self.shown[result.race.fingerprint] = result

    def missing(self, fingerprints: Iterable[str]) -> set[str]:
        return set(fingerprints) - set(self.shown)

    def _asked(self) -> None:
        self.tries += 1
        self.manners.append(tuple(os.environ.get(name) for name in (CONNECT, RETRIES)))
        if not self.there:
            self.now += self.takes
            raise TrackingError("http://127.0.0.1:9", "no answer")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    made = Server()
    monkeypatch.setattr("pipeline.tracking.guarded.time.monotonic", lambda: made.now)
    for name in (CONNECT, RETRIES):
        monkeypatch.delenv(name, raising=False)
    return made


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def guarded(server: Server, said: list[str]) -> Guarded:
    return Guarded(server, said.append)


def plan_of(name: str) -> CohortPlan:
    return CohortPlan((race_result(name).race,), 36)


def evaluated(name: str) -> Evaluated:
    return Evaluated(plan_of(name), 0, 3, 0)


def test_a_lost_mirror_is_told_once_and_left_alone(
    guarded: Guarded, server: Server, said: list[str]
) -> None:
    server.there = False
    for name in "abc":
        guarded.begin(plan_of(name))
        guarded.follow(evaluated(name))
        assert not guarded.write([race_result(name)])
        assert not guarded.refill([race_result(name)])
        server.now += 10
    assert server.tries == 1
    assert len(said) == 1
    assert said[0].startswith("warning: tracking.uri is 'http://127.0.0.1:9'")


@pytest.mark.parametrize(("takes", "pause"), [(0.1, 60), (13, 260), (93, 1860)])
def test_it_is_tried_again_after_a_while_that_grows_with_what_a_try_takes(
    takes: float, pause: float, guarded: Guarded, server: Server, said: list[str]
) -> None:
    server.there, server.takes = False, takes
    for tries in (1, 2):
        guarded.write([race_result("a")])
        assert server.tries == tries
        server.now += pause - 1
        guarded.write([race_result("b")])
        assert server.tries == tries
        server.now += 2
    assert len(said) == 1


def test_once_it_is_back_it_gets_all_that_it_missed(
    guarded: Guarded, server: Server, said: list[str]
) -> None:
    server.there = False
    for name in "abc":
        guarded.write([race_result(name)])
    server.there = True
    server.now += 300
    assert guarded.write([race_result("d")])
    assert sorted(server.shown) == [*"abcd"]
    server.there = False
    guarded.write([race_result("e")])
    assert len(said) == 2  # lost anew


def test_what_it_missed_and_had_before_is_written_all_the_same(
    guarded: Guarded, server: Server
) -> None:
    """A race that was trained again, for its probes, is not `missing`."""
    first = race_result("a", started_at=1.7e9)
    guarded.write([first])
    server.there = False
    guarded.write([replace(first, started_at=1.8e9)])
    server.there = True
    ledgers = replace(first, started_at=1.9e9)
    assert guarded.refill([ledgers], at_once=True)
    assert server.shown == {"a": ledgers}


def test_a_race_that_is_refused_for_its_own_sake_bars_no_other(
    server: Server, guarded: Guarded
) -> None:
    server.refused = {"f1"}
    results = [race_result(name) for name in ("f1", "f2", "f3")]
    assert not guarded.write(results)
    for more in (["f4"], list[str]()):
        server.now += 60
        assert not guarded.write([race_result(name) for name in more])
    assert set(server.shown) == {"f2", "f3", "f4"}


def test_a_refill_may_be_tried_at_once_and_briefly(
    guarded: Guarded, server: Server, said: list[str]
) -> None:
    server.there = False
    guarded.write([race_result("a")])
    assert not guarded.refill([race_result("a")], at_once=True)
    assert server.manners == [("5", None), ("5", "1")]
    server.there = True
    assert not guarded.refill([race_result("a")])
    assert guarded.refill([race_result("a"), race_result("b")], at_once=True)
    assert sorted(server.shown) == ["a", "b"]
    assert len(said) == 1
    assert guarded.write([race_result("c")])
    assert server.manners[-1] == ("5", None)  # it is trusted again


def test_postgresql_is_not_waited_for_as_long_as_tcp_tries(
    guarded: Guarded, server: Server
) -> None:
    guarded.open()
    guarded.write([race_result("a")])
    assert {connect for connect, _ in server.manners} == {"5"}
    assert CONNECT not in os.environ


def test_what_can_not_be_opened_is_raised_before_anything_is_trained(
    guarded: Guarded, server: Server, said: list[str]
) -> None:
    server.there = False
    with pytest.raises(TrackingError):
        guarded.open()
    assert not said


def test_cohorts_that_ran_when_it_was_lost_are_shown_when_they_have_ended(
    guarded: Guarded, server: Server
) -> None:
    """What was not shown of their curves would be missing for good."""
    for name in "ab":
        guarded.begin(plan_of(name))
        guarded.follow(evaluated(name))
    server.there = False
    guarded.follow(evaluated("a"))
    guarded.begin(plan_of("c"))
    server.there = True
    server.now += 300
    guarded.begin(plan_of("d"))
    for name in "abcd":
        guarded.follow(evaluated(name))
    assert server.followed == [*"abd"]
    assert guarded.write([race_result(name) for name in "abcd"])
    assert sorted(server.shown) == [*"abcd"]


def test_one_that_cannot_be_opened_is_told_and_tried_again(server: Server, said: list[str]) -> None:
    server.there = False
    assert not Guarded(server, said.append).refill([race_result()])
    assert (len(said), server.shown) == (1, {})
    server.there = True
    assert Guarded(server, pytest.fail).refill([race_result()])
    assert len(server.shown) == 1


@pytest.mark.usefixtures("writer")
class TestOfMlflow:
    def test_one_that_was_lost_half_open_is_opened_anew(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        create, asked = RunStore.create_parent, []

        def lost_at_the_second(*arguments: Any) -> str:
            asked.append(arguments)
            if len(asked) == 2:
                raise TrackingError(uri, "no answer")
            return create(*arguments)

        monkeypatch.setattr(RunStore, "create_parent", lost_at_the_second)
        half = mirror(uri)
        said: list[str] = []
        assert not Guarded(half, said.append).refill([race_result()])
        assert Guarded(half, pytest.fail).refill([race_result()])
        assert len(runs(uri)) == 3
        assert len(runs(uri, "parent")) == 2

    def test_is_a_mirror_of_mlflow_too(self, uri: str) -> None:
        mirror: MlflowMirror = opened(uri)
        Guarded(mirror, pytest.fail).refill([race_result()])
        assert len(runs(uri)) == 3

    @pytest.mark.parametrize("lost_at", ["create", "fill"])
    def test_a_race_that_was_cut_short_is_whole_once_it_is_back(
        self, lost_at: str, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        guarded = Guarded(opened(uri), lambda _: None)
        with monkeypatch.context() as patch:
            patch.setattr(RunStore, lost_at, _lost(uri))
            assert not guarded.write([race_result()])
        assert guarded.refill([race_result(), race_result("f2")], at_once=True)
        assert len(runs(uri)) == 6
        assert {run.info.status for run in runs(uri)} == {"FINISHED"}

    def test_a_session_ends_without_waiting_long(
        self, uri: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        retries: list[str | None] = []
        monkeypatch.delenv(RETRIES, raising=False)
        mirror = opened(uri)
        monkeypatch.setattr(RunStore, "end", lambda *_: retries.append(os.environ.get(RETRIES)))
        mirror.close("FINISHED")
        assert retries == ["1", "1"]


def _lost(uri: str) -> Callable[..., None]:
    def raises(*_: object) -> None:
        raise TrackingError(uri, "no answer")

    return raises

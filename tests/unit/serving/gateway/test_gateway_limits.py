"""How many requests are taken of one user."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from serving.gateway.limits import Windows
from tests.gateway_world import World


class Clock:
    def __init__(self, now: float = 600.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def test_a_user_is_told_how_they_stand_and_stopped_at_the_limit(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=3)
    answers = [world.ask("GET", "trending", "user") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    assert all(
        answer.headers["ratelimit-limit"] == answer.headers["x-ratelimit-limit"] == "3" for answer in answers
    )
    stopped = answers[-1]
    assert stopped.headers["content-type"] == "application/problem+json"
    assert 1 <= int(stopped.headers["retry-after"]) <= 120
    assert stopped.headers["retry-after"] == stopped.headers["ratelimit-reset"]
    assert stopped.headers["x-request-id"]


def test_each_user_has_a_limit_of_their_own_and_a_backend_none(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=1)
    for caller, expected in (("user", 200), ("user", 429), ("owner", 200), ("owner", 429)):
        assert world.ask("GET", "trending", caller).status_code == expected
    answers = [world.ask("GET", "trending", "key") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit-limit" not in answers[0].headers


def test_a_role_that_does_not_fit_still_counts(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=1)
    assert world.ask("GET", "models", "user").status_code == 403
    assert world.ask("GET", "models", "user").status_code == 429


def test_who_guesses_tokens_is_stopped_by_address_and_nobody_else_is(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=2)
    wrong = {"authorization": "Bearer a.b.c"}
    statuses = [world.ask("GET", "trending", None, headers=wrong).status_code for _ in range(4)]
    assert statuses == [401, 401, 429, 429]
    assert world.ask("GET", "trending", "user").status_code == 200, "the same address with a good token"


def test_nought_is_no_limit(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=0)
    answers = [world.ask("GET", "trending", "user") for _ in range(5)]
    assert {answer.status_code for answer in answers} == {200}
    assert "ratelimit-limit" not in answers[0].headers


def test_documentation_and_health_are_not_counted(make_world: Any) -> None:
    world: World = make_world(rate_limit_per_minute=1)
    assert {world.ask("GET", path, None).status_code for path in ["/health", "/", "/docs"] * 3} == {200}


@given(
    limit=some.integers(1, 20),
    pauses=some.lists(some.floats(0, 70, allow_nan=False), min_size=1, max_size=120),
)
def test_the_weighted_sum_never_passes_the_limit(limit: int, pauses: list[float]) -> None:
    clock = Clock()
    windows, passed = Windows(clock), []
    for pause in pauses:
        clock.now += pause
        if windows.hit("ana", limit).passes:
            passed.append(clock.now)
    for minute in {int(at // 60) for at in passed}:
        assert sum(int(at // 60) == minute for at in passed) <= limit


@given(limit=some.integers(1, 20), gap=some.floats(0, 5), tries=some.integers(1, 80))
def test_who_comes_again_when_told_passes(limit: int, gap: float, tries: int) -> None:
    clock = Clock()
    windows = Windows(clock)
    for _ in range(tries):
        clock.now += gap
        standing = windows.hit("ana", limit)
        if not standing.passes:
            clock.now += standing.reset
            assert windows.hit("ana", limit).passes
            return


@pytest.mark.parametrize("later", [59, 119])
def test_a_burst_at_the_end_of_a_minute_counts_in_the_next(later: int) -> None:
    clock = Clock(600 + 59)
    windows = Windows(clock)
    assert all(windows.hit("ana", 10).passes for _ in range(10))
    clock.now = 600 + 60 + (later - 59) / 60
    taken = sum(windows.hit("ana", 10).passes for _ in range(10))
    assert taken <= 1

"""Services that are away, slow or faulty: each costs its own part."""

from __future__ import annotations

import time
from typing import Any

import pytest

from serving.gateway.breaker import Breaker
from tests.gateway_world import CONTENT, OTHER, OWNER, World, always, problem

VIRAL = {"content_id": "v", "engagement_data": {"views": 1000, "likes": 100, "comments": 20, "shares": 50}}
MODERATION = {"content_id": CONTENT, "content_data": {"text": "hello"}}
PAIRS = {"pairs": [{"user_id": "u1", "post_id": "p"}, {"user_id": "u2", "post_id": "q"}]}


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_try_later() -> None:
    clock = Clock()
    breaker = Breaker(3, 10.0, clock)
    for _ in range(3):
        assert breaker.enter()
        breaker.failed()
    assert str(breaker.state) == "open"
    assert not breaker.enter()
    clock.now += 4
    assert breaker.retry_after == 6
    clock.now += 6
    assert str(breaker.state) == "half-open"
    assert breaker.enter()
    assert not breaker.enter(), "one tries, the others wait for what it finds"
    breaker.failed()
    assert str(breaker.state) == "open"
    clock.now += 10
    assert breaker.enter()
    breaker.succeeded()
    assert (breaker.state, breaker.enter()) == ("closed", True)


def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker = Breaker(2, 10.0)
    for _ in range(5):
        assert breaker.enter()
        breaker.failed()
        assert breaker.enter()
        breaker.succeeded()
    assert breaker.state == "closed"


def test_who_tried_and_went_away_leaves_the_door_to_the_next() -> None:
    clock = Clock()
    breaker = Breaker(1, 10.0, clock)
    breaker.enter()
    breaker.failed()
    clock.now += 10
    assert breaker.enter()
    breaker.left()
    assert breaker.enter()


def test_without_the_viral_service_the_factors_are_answered(world: World) -> None:
    world.away.add("viral")
    answer = world.ask("POST", "viral-prediction", "creator", json=VIRAL)
    body = answer.json()
    assert answer.status_code == 200
    assert body["unavailable"] == ["viral"]
    assert (body["viral_score"], body["is_likely_viral"], body["confidence"]) == (None, None, None)
    assert body["factors"]["engagement_rate"] == pytest.approx(0.17)
    assert body["factors"]["share_velocity"] == pytest.approx(0.05)


def test_without_the_recommendation_service_a_user_gets_the_last_list(make_world: Any) -> None:
    world: World = make_world(gateway_recommendations_ttl=0.01)
    assert world.ask("GET", "recommendations", "user").headers["x-cache"] == "miss"
    world.away.add("recommendation")
    time.sleep(0.02)
    answer = world.ask("GET", "recommendations", "user")
    assert answer.headers["x-cache"] == "stale"
    assert (answer.json()["stale"], answer.json()["unavailable"]) == (True, ["recommendation"])
    assert answer.json()["user_id"] == OTHER


def test_who_never_had_a_list_gets_what_trended(world: World) -> None:
    world.ask("GET", "trending", "user")
    world.away.add("recommendation")
    body = world.ask("GET", "recommendations", "owner").json()
    assert (body["user_id"], body["recommendations"], body["answered_by"]) == (OWNER, ["video-42"], "trending")
    assert body["unavailable"] == ["recommendation"]
    without = world.ask("GET", "recommendations?exclude_ids=video-42", "owner").json()
    assert (without["recommendations"], without["count"]) == ([], 0)


@pytest.mark.parametrize(
    ("service", "method", "path", "body"),
    [
        ("content", "POST", "moderate", MODERATION),
        ("content", "POST", "analyze", MODERATION),
        ("content", "POST", "content", {"content_id": "n", "content_type": "post", "text": "x"}),
        ("recommendation", "GET", "recommendations?user_id=u", None),
        ("recommendation", "GET", "trending", None),
        ("recommendation", "POST", "/ml/predict", PAIRS),
        ("viral", "POST", "models/load/viral", None),
    ],
)
def test_where_nothing_is_left_it_is_503_that_names_the_service(
    world: World, service: str, method: str, path: str, body: Any
) -> None:
    world.away.add(service)
    answer = world.ask(method, path, "key", json=body)
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["unavailable"] == [service]
    assert int(answer.headers["retry-after"]) >= 1


def test_one_service_that_is_away_costs_the_others_nothing(world: World) -> None:
    world.away |= {"viral", "content", "face", "ctr"}
    assert world.ask("GET", "recommendations", "user").status_code == 200
    body = world.ask("GET", "models", "admin").json()
    assert sorted(body["unavailable"]) == ["content", "ctr", "face", "viral"]
    loaded = {one["name"]: one["loaded"] for one in body["models"]}
    assert loaded["recommendation"] is True
    assert loaded["moderation"] is None, "unknown, not unloaded"


def test_a_slow_service_is_not_waited_for(make_world: Any) -> None:
    world: World = make_world(gateway_timeout_seconds=0.05)
    world.slow.add("viral")
    began = time.perf_counter()
    body = world.ask("POST", "viral-prediction", "creator", json=VIRAL).json()
    assert body["unavailable"] == ["viral"]
    assert time.perf_counter() - began < 1.0


def test_a_service_that_keeps_failing_is_asked_no_more(make_world: Any) -> None:
    world: World = make_world(gateway_breaker_failures=3, gateway_breaker_seconds=60)
    world.scripts[("viral", "POST", "/predict")] = always(500, problem(500, "broken"))
    for _ in range(6):
        assert world.ask("POST", "viral-prediction", "creator", json=VIRAL).json()["unavailable"] == ["viral"]
    assert world.count("viral", "/predict") == 3
    assert world.ask("GET", "/ml/status", "user").json()["services"]["viral"]["breaker"] == "open"


def test_what_may_be_asked_twice_is_and_nothing_else(world: World) -> None:
    world.scripts[("recommendation", "POST", "/api/v1/recommend")] = always(500, problem(500, "no"))
    world.ask("GET", "recommendations", "user")
    assert world.count("recommendation", "/api/v1/recommend") == 2
    world.scripts[("content", "POST", "/api/v1/moderate")] = always(500, problem(500, "no"))
    world.ask("POST", "moderate", json=MODERATION)
    assert world.count("content", "/api/v1/moderate") == 1, "each moderation is recorded"


def test_a_refusal_of_the_service_is_passed_on_and_is_no_failure(world: World) -> None:
    faulty = {**problem(422, "likes is larger than views."), "errors": [{"field": "likes", "message": "m"}]}
    world.scripts[("viral", "POST", "/predict")] = always(422, faulty)
    for _ in range(10):
        answer = world.ask("POST", "viral-prediction", "creator", json=VIRAL)
        assert (answer.status_code, answer.json()) == (422, faulty)
    assert world.gateway.services.viral.breaker.state == "closed"


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_a_service_does_not_take_is_not_the_users_fault(world: World, status: int) -> None:
    world.scripts[("recommendation", "POST", "/api/v1/recommend")] = always(status, problem(status, "no key"))
    answer = world.ask("GET", "recommendations", "user")
    assert answer.status_code == 503
    assert "key" in answer.json()["detail"]


def test_a_user_whose_posts_cannot_be_ranked_costs_their_pairs_alone(world: World) -> None:
    rank = world.scripts[("recommendation", "POST", "/api/v1/rank")]
    world.scripts[("recommendation", "POST", "/api/v1/rank")] = lambda body, query: (
        rank(body, query) if body["user_id"] == "u1" else (503, problem(503, "busy"))
    )
    body = world.ask("POST", "/ml/predict", json=PAIRS).json()
    assert [one["score"] for one in body["predictions"]] == [0.9, None]
    assert body["unavailable"] == ["recommendation"]


def test_health_tells_of_each_service_and_is_503_when_none_answers(world: World) -> None:
    assert world.ask("GET", "/health", None).json()["status"] == "ok"
    world.away.add("face")
    degraded = world.ask("GET", "/health", None)
    assert (degraded.status_code, degraded.json()["status"]) == (200, "degraded")
    assert degraded.json()["unavailable"] == ["face"]
    world.away |= {"viral", "recommendation", "content", "ctr"}
    assert world.ask("GET", "/health", None).status_code == 503


def test_figures_tell_of_services_and_of_the_cache(world: World) -> None:
    world.away.add("viral")
    world.ask("POST", "viral-prediction", "creator", json=VIRAL)
    world.ask("GET", "trending", "user")
    world.ask("GET", "trending", "user")
    assert world.ask("GET", "/metrics", "user").status_code == 401
    text = world.ask("GET", "/metrics", "key").text
    assert 'assay_gateway_upstream_total{outcome="failed",service="gateway",upstream="viral"} 1.0' in text
    assert 'assay_cache_lookups_total{cache="trending",outcome="hit",service="gateway"} 1.0' in text

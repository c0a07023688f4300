"""What is asked and answered, in the words that backends use."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as some
from jsonschema import Draft202012Validator

from config.context import request_id
from config.log import JsonFormatter
from serving.gateway.viral_api import factors, score_of
from tests.gateway_world import CONTENT, OTHER, World

VIRAL = {
    "content_id": "v",
    "content_data": {"title": "Amazing video", "duration": 120},
    "engagement_data": {"views": 1000, "likes": 100, "comments": 20, "shares": 50},
}
#: Each of its parts may be so long, and both together may not.
TOO_LONG = {"text": "x" * 15_000, "description": "y" * 15_000}


def document(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.ask("GET", "/openapi.json", None).json()
    return found


def fits(world: World, path: str, method: str, body: Any, status: str = "200") -> None:
    told = document(world)
    schema = told["paths"][path][method]["responses"][status]["content"]["application/json"]["schema"]
    jsonschema.validate(body, {**schema, "components": told["components"]}, cls=Draft202012Validator)


def test_recommendations_have_the_fields_of_before(world: World) -> None:
    body = world.ask("GET", "recommendations?content_type=video&limit=20", "user").json()
    fits(world, "/api/v1/ml/recommendations", "get", body)
    assert {"user_id", "content_type", "recommendations", "count"} <= set(body)
    assert (body["user_id"], body["recommendations"], body["count"]) == (OTHER, ["video-42"], 1)


def test_what_trends_is_asked_for_by_window(world: World) -> None:
    body = world.ask("GET", "trending?content_type=post&time_window=7d&limit=3", "user").json()
    fits(world, "/api/v1/ml/trending", "get", body)
    assert (body["time_window"], body["trending"]) == ("7d", ["video-42"])
    assert world.asked[-1][2] == "/api/v1/trending?content_type=post&time_window=7d&limit=3"


def test_a_viral_prediction_has_the_fields_of_before(world: World) -> None:
    body = world.ask("POST", "viral-prediction", "creator", json=VIRAL).json()
    fits(world, "/api/v1/ml/viral-prediction", "post", body)
    assert {"content_id", "viral_score", "is_likely_viral", "factors", "confidence"} <= set(body)
    assert {"engagement_rate", "share_velocity", "timing_score"} <= set(body["factors"])
    assert (body["viral_score"], body["is_likely_viral"], body["confidence"]) == (0.85, True, 0.85)
    assert world.asked[-1][3] == {
        "video_id": "v", "title": "Amazing video", "video_duration": 120.0, "views": 1000, "likes": 100,
        "comments": 20, "shares": 50, "explain": 0,
    }  # fmt: skip


def test_moderation_analysis_and_models_answer_as_documented(world: World) -> None:
    body = {"content_id": CONTENT, "content_data": {"text": "hi", "description": "more"}}
    fits(world, "/api/v1/ml/moderate", "post", world.ask("POST", "moderate", json=body).json())
    assert world.asked[-1][3]["text"] == "hi\nmore"
    fits(world, "/api/v1/ml/models", "get", world.ask("GET", "models").json())
    fits(world, "/ml/status", "get", world.ask("GET", "/ml/status", "user").json())
    loaded = world.ask("POST", "models/load/nsfw_detector").json()
    fits(world, "/api/v1/ml/models/load/{name}", "post", loaded)


def test_unknown_models_are_404_that_names_the_known(world: World) -> None:
    answer = world.ask("POST", "models/load/gpt")
    assert answer.status_code == 404
    assert "nsfw_detector" in answer.json()["detail"]


@given(some.lists(some.floats(0, 1, allow_nan=False), min_size=4, max_size=4).filter(lambda one: sum(one) > 0))
def test_the_score_is_a_probability_and_confidence_that_of_the_verdict(weights: list[float]) -> None:
    total = sum(weights)
    names = ("low", "medium", "high", "ultra")
    said = score_of({name: weight / total for name, weight in zip(names, weights, strict=True)})
    assert 0 <= said["viral_score"] <= 1
    assert 0.5 <= said["confidence"] <= 1
    wanted = said["viral_score"] if said["is_likely_viral"] else 1 - said["viral_score"]
    assert said["confidence"] == pytest.approx(wanted, abs=2e-6)


@given(
    views=some.integers(0, 10**12),
    likes=some.none() | some.integers(0, 10**12),
    hours=some.none() | some.floats(-48, 9000, allow_nan=False),
)
def test_factors_are_finite_or_unknown(views: int, likes: int | None, hours: float | None) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    content = {} if hours is None else {"published_at": at - timedelta(hours=hours)}
    said = factors(content, {"views": views, "likes": likes}, at)
    json.dumps(said, allow_nan=False)
    assert said["comment_rate"] is None
    assert said["timing_score"] is None if hours is None else 0 <= said["timing_score"] <= 1
    assert (said["like_rate"] is None) == (likes is None or views == 0)


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("GET", "recommendations?limit=0", None, "limit"),
        ("GET", "recommendations?limit=51", None, "limit"),
        ("GET", "recommendations?limit=ten", None, "limit"),
        ("GET", "recommendations?limit=", None, "limit"),
        ("GET", "recommendations?content_type=song", None, "content_type"),
        ("GET", "recommendations?content_type=", None, "content_type"),
        ("GET", "recommendations?exclude=a", None, "exclude"),
        ("GET", "trending?time_window=2h", None, "time_window"),
        (
            "POST",
            "viral-prediction",
            {"content_id": "v", "engagement_data": {"views": -1}},
            "engagement_data.views",
        ),
        ("POST", "moderate", {"content_id": "v", "content_data": {"txt": "x"}}, "content_data.txt"),
        ("POST", "moderate", {"content_id": "v", "content_data": {"video_url": "https://x"}}, "content_data"),
        ("POST", "moderate", {"content_id": "v", "content_data": TOO_LONG}, "content_data"),
        ("POST", "analyze", {"content_id": "v", "content_data": TOO_LONG}, "content_data"),
        ("POST", "content", {"content_id": "v", "content_type": "song"}, "content_type"),
        ("POST", "/ml/predict", {"pairs": []}, "pairs"),
        ("POST", "/ml/train", {"family": "gpt"}, "family"),
    ],
)
def test_faults_are_told_by_field(world: World, method: str, path: str, body: Any, field: str) -> None:
    answer = world.ask(method, path, "admin", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [one["field"] for one in answer.json()["errors"]] == [field]


def test_bodies_are_bounded_and_must_be_json(make_world: Any) -> None:
    world: World = make_world(max_body_bytes=2000)
    assert world.ask("POST", "viral-prediction", content=b"x" * 3000).status_code == 413
    text = {"content-type": "text/plain"}
    assert world.ask("POST", "viral-prediction", content=b"{}", headers=text).status_code == 415
    assert world.ask("POST", "viral-prediction", content=b"{").status_code == 400


def test_paths_and_methods_that_are_not_there(world: World) -> None:
    assert world.ask("GET", "nothing").status_code == 404
    answer = world.ask("PUT", "trending")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")


def test_an_id_of_the_caller_goes_through_to_services_and_logs(world: World) -> None:
    seen: list[str | None] = []
    answered = world.scripts[("recommendation", "GET", "/api/v1/trending")]

    def script(body: Any, query: dict[str, str]) -> tuple[int, Any]:
        seen.append(request_id())
        record = logging.makeLogRecord({"msg": "asked"})
        seen.append(json.loads(JsonFormatter().format(record))["request_id"])
        return answered(body, query)

    world.scripts[("recommendation", "GET", "/api/v1/trending")] = script
    answer = world.ask("GET", "trending", "user", headers={"x-request-id": "req-7"})
    assert answer.headers["x-request-id"] == "req-7"
    assert seen == ["req-7", "req-7"]


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 129, 'a"b', "a\tb"])
def test_an_id_that_does_not_fit_a_log_is_replaced(world: World, given_id: str) -> None:
    answer = world.ask("GET", "trending", "user", headers={"x-request-id": given_id})
    assert answer.headers["x-request-id"] not in ("", given_id)


def test_ids_of_ours_differ(world: World) -> None:
    ids = {world.ask("GET", "trending", None).headers["x-request-id"] for _ in range(20)}
    assert len(ids) == 20


def test_the_document_is_openapi_3_1_and_its_examples_fit(world: World) -> None:
    told = document(world)
    assert told["openapi"].startswith("3.1")
    for path, methods in told["paths"].items():
        for method, entry in methods.items():
            if "/ml" in path:
                assert entry["security"] == [{"Bearer": []}, {"ApiKey": []}], path
                assert {"401", "429"} <= set(entry["responses"]), path
            body = entry.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in body.get("examples", {}).values():
                schema = {**body["schema"], "components": told["components"]}
                jsonschema.validate(example["value"], schema, cls=Draft202012Validator)
            for answer in entry["responses"].values():
                content = answer.get("content", {}).get("application/json", {})
                if "example" in content:
                    schema = {**content["schema"], "components": told["components"]}
                    jsonschema.validate(content["example"], schema, cls=Draft202012Validator)
            assert method in ("get", "post", "delete")


def test_every_answer_says_that_its_type_is_not_to_be_guessed(world: World) -> None:
    for path in ("/", "/health", "trending", "nothing"):
        assert world.ask("GET", path, "user").headers["x-content-type-options"] == "nosniff"

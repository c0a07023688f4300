"""Who may ask what: every endpoint with every role."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway_world import API, CONTENT, DECISION, JOB, OTHER, OWNER, World

ANALYSIS = {"content_id": CONTENT, "content_type": "post", "content_data": {"text": "hello"}}
VIRAL = {"content_id": "v", "engagement_data": {"views": 1000, "likes": 100}}
ANYBODY = {"user", "creator", "admin", "owner", "key"}
CREATORS = {"creator", "admin", "key"}
ADMINS = {"admin", "key"}
OWNERS = {"owner", "admin", "key"}
MATRIX: list[tuple[str, str, Any, set[str]]] = [
    ("POST", "moderate", ANALYSIS, ADMINS),
    ("POST", "analyze", ANALYSIS, OWNERS),
    ("GET", "recommendations?content_type=video&limit=5", None, ANYBODY - {"key"}),
    ("GET", "recommendations?user_id=somebody", None, ADMINS),
    ("GET", "trending", None, ANYBODY),
    ("POST", "viral-prediction", VIRAL, CREATORS),
    ("GET", "models", None, ADMINS),
    ("POST", "models/load/nsfw_detector", None, ADMINS),
    ("DELETE", "models/unload/nsfw_detector", None, ADMINS),
    ("POST", "content", {"content_id": "new", "content_type": "post", "text": "hi"}, CREATORS),
    ("GET", f"content/{CONTENT}", None, OWNERS),
    ("GET", f"content?id={CONTENT}", None, OWNERS),
    ("POST", f"content/{CONTENT}/captions", {}, OWNERS),
    ("POST", f"content/{CONTENT}/thumbnails", {}, OWNERS),
    ("GET", f"media/jobs/{JOB}", None, OWNERS),
    ("GET", f"media/jobs/{JOB}/captions.vtt", None, OWNERS),
    ("GET", f"moderation/{DECISION}", None, OWNERS),
    ("POST", f"moderation/{DECISION}/appeal", {"text": "no"}, OWNERS),
    ("GET", "/ml/status", None, ANYBODY),
    ("POST", "/ml/predict", {"pairs": [{"user_id": OWNER, "post_id": "p"}]}, {"owner", "admin", "key"}),
    ("POST", "/ml/recommend", {"user_id": OWNER}, {"owner", "admin", "key"}),
]


@pytest.mark.parametrize(("method", "path", "body", "allowed"), MATRIX, ids=lambda one: str(one)[:40])
def test_each_role_may_what_the_table_says(
    world: World, method: str, path: str, body: Any, allowed: set[str]
) -> None:
    for caller in sorted(ANYBODY):
        answer = world.ask(method, path, caller, json=body)
        if caller in allowed:
            assert answer.status_code < 300, (caller, answer.text)
        elif caller == "key":
            assert answer.status_code == 422, "a backend says for whom"
        else:
            assert answer.status_code == 403, (caller, answer.text)


@pytest.mark.parametrize(("method", "path", "body", "_"), MATRIX, ids=lambda one: str(one)[:40])
def test_nobody_may_anything(world: World, method: str, path: str, body: Any, _: Any) -> None:
    answer = world.ask(method, path, None, json=body)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert not world.asked, "no service is asked for whom we do not know"


def test_the_matrix_names_every_endpoint_of_the_document(world: World) -> None:
    paths = world.ask("GET", "/openapi.json", None).json()["paths"]
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods if "/ml" in path}
    tried = {(method, path if path.startswith("/") else f"{API}/{path}") for method, path, _, _ in MATRIX}
    missing = {(method, path) for method, path in told if not any(_fits(path, method, *one) for one in tried)}
    twins = {(method, f"{API}/{name}") for method, name in
             (("GET", "status"), ("POST", "train"), ("POST", "predict"), ("POST", "recommend"))}  # fmt: skip
    files = {("GET", f"{API}/media/jobs/{{id}}/{name}") for name in
             ("captions.srt", "thumbnails/{number}/{shape}")}  # fmt: skip
    assert missing == twins | files | {("POST", "/ml/train")}


def _fits(path: str, method: str, tried_method: str, tried: str) -> bool:
    told, given = path.split("/"), tried.split("?")[0].split("/")
    return (
        method == tried_method
        and len(told) == len(given)
        and all(one == other or one.startswith("{") for one, other in zip(told, given, strict=True))
    )


def test_a_wrong_key_is_refused_even_beside_a_good_token(world: World) -> None:
    assert world.ask("GET", "trending", headers={"x-api-key": "a key that is long enouGh"}).status_code == 401


def test_an_unset_key_opens_nothing(make_world: Any) -> None:
    world = make_world(ml_api_key="")
    assert world.ask("GET", "models", None, headers={"x-api-key": ""}).status_code == 401


def test_new_content_is_analyzed_for_whom_says_it_is_theirs(world: World) -> None:
    new = {"content_id": "new", "content_data": {"text": "x", "creator_id": OTHER}}
    assert world.ask("POST", "analyze", "user", json=new).status_code == 200
    foreign = {"content_id": CONTENT, "content_data": {"text": "x", "creator_id": OTHER}}
    assert world.ask("POST", "analyze", "user", json=foreign).status_code == 403, "the service knows better"


def test_a_creator_neither_takes_over_nor_signs_for_others(world: World) -> None:
    body = {"content_id": CONTENT, "content_type": "post", "text": "mine now"}
    assert world.ask("POST", "content", "creator", json=body).status_code == 403
    signed = {**body, "content_id": "new", "creator_id": OWNER}
    assert world.ask("POST", "content", "creator", json=signed).status_code == 403
    assert not world.count("content", "/api/v1/contents") or all(
        method == "GET" for _, method, _, _ in world.asked
    )
    assert world.ask("POST", "content", "admin", json=signed).status_code == 202
    assert world.asked[-1][3]["creator_id"] == OWNER


def test_the_creator_is_whoever_asks(world: World) -> None:
    world.ask("POST", "content", "creator", json={"content_id": "new", "content_type": "post", "text": "x"})
    assert world.asked[-1][3] == {"id": "new", "kind": "post", "text": "x", "creator_id": OTHER}


@pytest.mark.parametrize(
    "path", ["content/unheard-of", f"media/jobs/{DECISION}", f"moderation/{JOB}", "moderation/x"]
)
def test_who_may_not_see_a_thing_does_not_learn_whether_it_is_there(world: World, path: str) -> None:
    assert world.ask("GET", path, "user").status_code == 403
    assert world.ask("GET", path, "admin").status_code == 404


def test_only_an_admin_names_another_video(world: World) -> None:
    body = {"source": "films/of-another.mp4"}
    assert world.ask("POST", f"content/{CONTENT}/captions", "owner", json=body).status_code == 403
    assert world.ask("POST", f"content/{CONTENT}/captions", "admin", json=body).status_code == 202


def test_the_creator_is_not_told_who_reviewed(world: World) -> None:
    review = {
        "decision": "rejected",
        "labels": ["spam"],
        "note": "seen before",
        "reviewer": "mara",
        "at": "2026",
    }
    decision = {"id": DECISION, "content_id": CONTENT, "creator_id": OWNER, "reviews": [review]}
    world.scripts[("content", "GET", f"/api/v1/moderation/{DECISION}")] = lambda *_: (200, decision)
    told = world.ask("GET", f"moderation/{DECISION}", "owner").json()["reviews"][0]
    assert told == {"decision": "rejected", "labels": ["spam"], "at": "2026"}
    assert world.ask("GET", f"moderation/{DECISION}", "admin").json()["reviews"] == [review]


def test_an_appeal_is_the_owners_whoever_sends_it(world: World) -> None:
    world.ask("POST", f"moderation/{DECISION}/appeal", "key", json={"text": "no"})
    assert world.asked[-1][3] == {"appellant_id": OWNER, "text": "no"}

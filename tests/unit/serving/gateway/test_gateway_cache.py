"""What is kept, for whom, and until when."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway_world import CONTENT, DECISION, World, always, moderated, problem

BODY = {"content_id": CONTENT, "content_type": "post", "content_data": {"text": "hello", "title": "t"}}


def moderate(world: World, **changed: Any) -> str:
    answer = world.ask("POST", "moderate", "admin", json={**BODY, **changed})
    assert answer.status_code == 200, answer.text
    return str(answer.headers["x-cache"])


def test_the_same_question_is_answered_from_the_cache(world: World) -> None:
    assert [moderate(world) for _ in range(3)] == ["miss", "hit", "hit"]
    assert world.count("content", "/api/v1/moderate") == 1


def test_the_order_of_names_makes_no_other_question(world: World) -> None:
    moderate(world)
    turned = {"content_data": {"title": "t", "text": "hello"}, "content_type": "post", "content_id": CONTENT}
    assert world.ask("POST", "moderate", "admin", json=turned).headers["x-cache"] == "hit"


@pytest.mark.parametrize(
    "changed",
    [{"content_id": "another"}, {"content_data": {"text": "hello!"}}, {"content_type": "comment"}],
    ids=["id", "text", "type"],
)
def test_another_question_is_asked(world: World, changed: dict[str, Any]) -> None:
    moderate(world)
    assert moderate(world, **changed) == "miss"


def test_what_a_load_or_an_unload_changes_is_asked_anew(world: World) -> None:
    moderate(world)
    world.ask("DELETE", "models/unload/nsfw_detector")
    assert moderate(world) == "miss"
    world.ask("POST", "models/load/nsfw_detector")
    assert moderate(world) == "miss"
    assert moderate(world) == "hit"


def test_a_load_of_another_service_drops_nothing(world: World) -> None:
    moderate(world)
    world.ask("POST", "models/load/viral_predictor")
    assert moderate(world) == "hit"


def test_a_new_version_answers_within_seconds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.gateway.moderation_api.VERSIONS_SECONDS", 0.0)
    moderate(world)
    world.model_versions["moderation"] = "4"
    assert "miss" in [moderate(world) for _ in range(3)]


def answered_by(version: str) -> Any:
    """A decision of another version of the text model than the service says is in production."""

    def script(body: Any, query: dict[str, str]) -> tuple[int, Any]:
        status, answer = moderated(body, query)
        return status, {**answer, "versions": {**answer["versions"], "moderation": version}}

    return script


def test_what_a_version_said_that_is_tried_is_not_kept_as_productions(world: World) -> None:
    """A canary, or a replica that has the next version already, or the one before still."""
    world.scripts[("content", "POST", "/api/v1/moderate")] = answered_by("4")
    assert [moderate(world) for _ in range(2)] == ["miss", "miss"]
    world.scripts[("content", "POST", "/api/v1/moderate")] = moderated
    assert [moderate(world) for _ in range(2)] == ["miss", "hit"]


def test_a_model_that_was_not_asked_keeps_nothing_from_being_kept(world: World) -> None:
    def words_alone(body: Any, query: dict[str, str]) -> tuple[int, Any]:
        status, answer = moderated(body, query)
        return status, {**answer, "versions": {"moderation": "3", "imagery": None}}

    world.scripts[("content", "POST", "/api/v1/moderate")] = words_alone
    assert [moderate(world) for _ in range(2)] == ["miss", "hit"]
    pictured = {"content_data": {"text": "hello", "images": ["pictures/1.jpg"]}}
    assert [moderate(world, **pictured) for _ in range(2)] == ["miss", "miss"]


def test_a_picture_that_could_not_be_read_is_looked_at_again(world: World) -> None:
    asked = ("content", "POST", "/api/v1/moderate")
    unread = {"label": "image", "score": None, "threshold": None, "spans": [], "frames": [], "text": "unread"}

    def answer(body: Any, query: Any) -> tuple[int, Any]:
        said = moderated(body, query)[1]
        return 200, {**said, "decision": "review_required", "reasons": [unread]}

    pictured = {"content_data": {"text": "hello", "images": ["pictures/1.jpg"]}}
    world.scripts[asked] = answer
    assert [moderate(world, **pictured) for _ in range(2)] == ["miss", "miss"]
    world.scripts[asked] = moderated
    assert [moderate(world, **pictured) for _ in range(2)] == ["miss", "hit"]


def test_nothing_is_kept_that_was_no_answer(world: World) -> None:
    world.scripts[("content", "POST", "/api/v1/moderate")] = always(422, problem(422, "no"))
    assert world.ask("POST", "moderate", json=BODY).status_code == 422
    world.scripts[("content", "POST", "/api/v1/moderate")] = moderated
    assert moderate(world) == "miss"


def test_nought_keeps_nothing(make_world: Any) -> None:
    world = make_world(ml_model_cache_ttl=0, gateway_recommendations_ttl=0)
    assert [moderate(world) for _ in range(2)] == ["miss", "miss"]
    answers = [world.ask("GET", "recommendations", "user") for _ in range(2)]
    assert [answer.headers["x-cache"] for answer in answers] == ["miss", "miss"]


def test_a_list_is_kept_for_its_user_alone(world: World) -> None:
    first = world.ask("GET", "recommendations", "user")
    again = world.ask("GET", "recommendations", "user")
    other = world.ask("GET", "recommendations", "owner")
    assert [one.headers["x-cache"] for one in (first, again, other)] == ["miss", "hit", "miss"]
    assert first.json() == again.json()
    assert other.json()["user_id"] != first.json()["user_id"]


@pytest.mark.parametrize("query", ["limit=5", "content_type=post", "exclude_ids=a,b"])
def test_another_list_is_another_question(world: World, query: str) -> None:
    world.ask("GET", "recommendations", "user")
    assert world.ask("GET", f"recommendations?{query}", "user").headers["x-cache"] == "miss"


def test_the_order_of_excluded_ids_makes_no_other_question(world: World) -> None:
    world.ask("GET", "recommendations?exclude_ids=b,a", "user")
    assert world.ask("GET", "recommendations?exclude_ids=a,%20b,a", "user").headers["x-cache"] == "hit"


def test_a_list_of_a_user_whose_history_was_away_is_not_kept(world: World) -> None:
    answered = world.scripts[("recommendation", "POST", "/api/v1/recommend")]
    world.scripts[("recommendation", "POST", "/api/v1/recommend")] = lambda body, query: (
        200, {**answered(body, query)[1], "degraded": True},
    )  # fmt: skip
    assert world.ask("GET", "recommendations", "user").headers["x-cache"] == "miss"
    assert world.ask("GET", "recommendations", "user").headers["x-cache"] == "miss"


def test_each_answer_is_no_browsers_to_keep(world: World) -> None:
    assert world.ask("GET", "recommendations", "user").headers["cache-control"] == "no-store"


def test_what_nothing_looked_at_is_no_approval(world: World) -> None:
    data = {"text": "hello", "video_url": "https://example.com/a.mp4"}
    body = world.ask("POST", "moderate", json={"content_id": "v", "content_data": data}).json()
    assert (body["decision"], body["is_safe"]) == ("review_required", False)
    assert body["not_looked_at"] == ["video_url"]
    assert body["id"] == DECISION

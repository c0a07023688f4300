"""``POST /api/v1/recommend`` and ``/rank``: who answers, what is told, what is kept, and what is recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from models.recommendation.question import Interaction
from serving.recommendation_schema import MAX_EXCLUDED, MAX_RANKED
from storage.recommendation_lists import StoredList
from tests.unit.serving.recommendation.conftest import World

LIKED = {"user_id": "u1", "item_id": "v3", "kind": "like"}


def ids(answer: dict[str, Any]) -> list[str]:
    return [item["id"] for item in answer["items"]]


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1e6)


def like(item_id: str) -> Interaction:
    return Interaction(item_id, "like", now_us() - 3_600_000_000)


def test_the_model_answers_and_each_item_says_why(world: World) -> None:
    world.database.history["u1"] = [like("v3"), like("v6")]
    answer = world.recommend(user_id="u1", limit=10)
    assert (answer["answered_by"], answer["model_version"], answer["count"]) == ("model", "7", 10)
    assert not {"v3", "v6"} & set(ids(answer))
    assert all(item["reason"] and item["source"] for item in answer["items"])
    assert answer["items"][0]["because"]["item_id"] in ("v3", "v6")
    assert answer["flags"] == {"mlRecommendations": True, "personalizedFeed": True, "engagementRanking": True}
    assert (answer["degraded"], answer["cached"]) == (False, False)
    assert "experiment" not in answer


def test_the_defaults_are_twenty_videos(world: World) -> None:
    answer = world.recommend(user_id="new")
    assert answer["count"] == 20
    assert {item["kind"] for item in answer["items"]} == {"video"}


@pytest.mark.parametrize("name", ["content_type", "item_kind"])
def test_other_kinds_are_asked_for_by_either_name(world: World, name: str) -> None:
    answer = world.recommend(user_id="new", limit=3, **{name: "post"})
    assert {item["kind"] for item in answer["items"]} == {"post"}


def test_excluded_items_do_not_come(world: World) -> None:
    first = ids(world.recommend(user_id="u1", limit=5))
    second = ids(world.recommend(user_id="u1", limit=5, exclude_ids=first))
    assert len(second) == 5
    assert not set(first) & set(second)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "user_id is required."),
        ({"user_id": ""}, "user_id must not be empty."),
        ({"user_id": "u", "limit": 0}, "limit must be 1 or more, not 0."),
        ({"user_id": "u", "limit": 101}, "limit must be 100 or less."),
        ({"user_id": "u", "limit": True}, "limit must be a whole number, not true or false."),
        ({"user_id": "u", "kind": "video"}, "kind is not a known field."),
        ({"user_id": "u", "content_type": "song"}, "content_type must be"),
        ({"user_id": "u", "content_type": "post", "item_kind": "video"}, "item_kind is another name"),
        ({"user_id": "u", "exclude_ids": ["x"] * (MAX_EXCLUDED + 1)}, "exclude_ids must hold at most 1000"),
        ({"user_id": "u\u0000"}, "user_id must not contain the NUL character."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(world: World, body: dict[str, Any], said: str) -> None:
    answer = world.ask("POST", "/api/v1/recommend", json=body)
    assert answer.status_code == 422
    assert said in answer.json()["detail"]


def test_a_second_request_gets_the_same_list_with_the_same_id(world: World) -> None:
    first, second = world.recommend_each({"user_id": "u1"}, {"user_id": "u1"})
    assert (first["cached"], second["cached"]) == (False, True)
    assert {**first, "cached": True} == second


@pytest.mark.parametrize(
    "changed",
    [{"limit": 3}, {"content_type": "post"}, {"language": "de"}, {"category": "sport"}, {"exclude_ids": ["v1"]},
     {"explain": True}, {"region": "DE"}, {"user_id": "u2"}],
)  # fmt: skip
def test_another_question_is_not_answered_by_a_kept_list(world: World, changed: dict[str, Any]) -> None:
    first, second = world.recommend_each({"user_id": "u1"}, {"user_id": "u1"} | changed)
    assert second["cached"] is False
    assert first["recommendation_id"] != second["recommendation_id"]


def test_words_of_the_context_cannot_be_taken_for_one_another(world: World) -> None:
    first, second = world.recommend_each(
        {"user_id": "u1", "language": "de", "region": ""}, {"user_id": "u1", "language": "", "region": "de"}
    )
    assert second["cached"] is False
    assert first["cached"] is False


def test_an_event_drops_the_users_lists_and_counts_in_the_next_one(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        before = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        other = (await client.post("/api/v1/recommend", json={"user_id": "u2"})).json()
        seen = before["items"][0]["id"]
        event = {"user_id": "u1", "item_id": seen, "kind": "like"}
        assert (await client.post("/api/v1/events", json=event)).status_code == 202
        after = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        again = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        others = (await client.post("/api/v1/recommend", json={"user_id": "u2"})).json()
        return [seen, after, again, other, others]

    seen, after, again, other, others = world.run(work)
    assert after["cached"] is False
    assert seen not in ids(after)
    assert any((item["because"] or {}).get("item_id") == seen for item in after["items"])
    assert again["cached"] is True
    assert others["recommendation_id"] == other["recommendation_id"], "nobody else's list is dropped"


def test_an_act_in_another_process_drops_them_too(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        before = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        seen = before["items"][0]["id"]
        world.database.history["u1"] = [like(seen)]
        stale = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        world.database.events = {"e1": "u1"}
        await asyncio.to_thread(world.parts.acts.look)
        after = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        return [seen, stale, after]

    world.parts.acts._listener = world.parts.listener
    seen, stale, after = world.run(work)
    assert stale["cached"] is True
    assert after["cached"] is False
    assert seen not in ids(after)


def test_an_act_while_a_list_is_computed_is_not_lost(world: World) -> None:
    """What is being computed answers who asked before; it is kept for nobody."""

    async def work(client: httpx.AsyncClient) -> list[Any]:
        world.database.slow = 0.1
        asked = asyncio.create_task(client.post("/api/v1/recommend", json={"user_id": "u1"}))
        await asyncio.sleep(0.03)
        await client.post("/api/v1/events", json=LIKED)
        before = (await asked).json()
        after = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        return [before, after]

    _, after = world.run(work)
    assert after["cached"] is False
    assert "v3" not in ids(after)


@pytest.mark.parametrize("told", ["anybody", "forgotten", "began"])
def test_who_asks_after_anybody_may_have_acted_is_not_given_what_is_being_computed(
    world: World, told: str
) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        world.database.slow = 0.1
        first = asyncio.create_task(client.post("/api/v1/recommend", json={"user_id": "u1"}))
        await asyncio.sleep(0.03)
        world.database.history["u1"] = [like("v3")]
        await asyncio.to_thread(getattr(world.parts.listener, told))
        second = asyncio.create_task(client.post("/api/v1/recommend", json={"user_id": "u1"}))
        return [(await one).json() for one in (first, second)]

    first, second = world.run(work)
    assert first["recommendation_id"] != second["recommendation_id"]
    assert "v3" not in ids(second)


def test_a_flight_that_was_dropped_by_another_thread_lands_all_the_same(world: World) -> None:
    class Dropping(dict[str, Any]):
        def get(self, *key: Any) -> Any:  # another thread drops right after the look
            found = super().get(*key)
            self.pop(key[0], None)
            return found

    faults: list[dict[str, Any]] = []

    async def work(client: httpx.AsyncClient) -> int:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: faults.append(told))
        world.parts.api._flights = Dropping()
        answer = await client.post("/api/v1/recommend", json={"user_id": "u1"})
        await asyncio.sleep(0)
        return answer.status_code

    assert world.run(work) == 200
    assert faults == []


def test_a_crowd_that_asks_the_same_at_once_is_answered_by_one_computation(world: World) -> None:
    world.database.slow = 0.05

    async def work(client: httpx.AsyncClient) -> list[dict[str, Any]]:
        asked = [client.post("/api/v1/recommend", json={"user_id": "u1"}) for _ in range(50)]
        return [answer.json() for answer in await asyncio.gather(*asked)]

    answers = world.run(work)
    assert len({answer["recommendation_id"] for answer in answers}) == 1
    assert world.database.asked["histories"] == 1
    assert len(world.shipped()) == 1


def test_nothing_is_kept_where_that_is_switched_off(make_world: Callable[..., World]) -> None:
    world = make_world(recommendation_cache_seconds=0.0)
    first, second = world.recommend_each({"user_id": "u1"}, {"user_id": "u1"})
    assert first["recommendation_id"] != second["recommendation_id"]
    assert second["cached"] is False


def test_a_kept_list_is_not_given_after_one_of_its_items_was_taken_down(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        first = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        gone = first["items"][0]["id"]
        world.database.changed = [world.database.catalogue[gone] | {"removed": True}]
        await asyncio.to_thread(world.parts.board.look)
        return [gone, (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()]

    gone, second = world.run(work)
    assert second["cached"] is False
    assert gone not in ids(second)


def test_an_item_that_was_published_after_the_training_can_come(world: World) -> None:
    fresh = world.database.catalogue["v3"] | {"id": "fresh", "published_us": now_us() - 60_000_000}
    world.database.changed = [fresh]
    world.parts.board.look()
    world.database.history["u1"] = [like("v3"), like("v6"), like("v9")]
    found = world.recommend(user_id="u1", limit=50)
    assert "fresh" in ids(found)
    assert world.ask("GET", "/api/v1/features/post/fresh").json()["trained_on"] is False


def test_the_flag_gives_the_feed_to_the_heuristic(world: World) -> None:
    world.set_flag("mlRecommendations", on=False)
    answer = world.recommend(user_id="u1")
    assert (answer["answered_by"], answer["model_version"]) == ("heuristic", "heuristic")
    assert answer["flags"]["mlRecommendations"] is False
    assert answer["count"] == 20


def test_a_flag_that_changes_is_not_hidden_by_a_kept_list(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[str]:
        found = [(await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()]
        world.set_flag("mlRecommendations", on=False)
        found.append((await client.post("/api/v1/recommend", json={"user_id": "u1"})).json())
        world.set_flag("personalizedFeed", on=False)
        found.append((await client.post("/api/v1/recommend", json={"user_id": "u1"})).json())
        world.set_flag("mlRecommendations")
        world.set_flag("personalizedFeed")
        found.append((await client.post("/api/v1/recommend", json={"user_id": "u1"})).json())
        return [f"{one['answered_by']} {one['cached']}" for one in found]

    assert world.run(work) == ["model False", "heuristic False", "heuristic False", "model True"]


def test_without_personalization_the_heuristic_gives_everybody_the_same(world: World) -> None:
    world.set_flag("mlRecommendations", on=False)
    world.set_flag("personalizedFeed", on=False)
    world.database.history["u1"] = [Interaction("a3", "follow", now_us() - 10**12)]
    assert ids(world.recommend(user_id="u1")) == ids(world.recommend(user_id="u2"))
    world.set_flag("personalizedFeed")
    assert world.recommend(user_id="u1")["items"][0]["source"] == "followed"


def test_without_engagement_ranking_the_newest_comes_first(world: World) -> None:
    world.set_flag("mlRecommendations", on=False)
    world.set_flag("engagementRanking", on=False)
    assert world.recommend(user_id="u1")["items"][0]["id"] == "v0"
    world.set_flag("engagementRanking")
    assert world.recommend(user_id="u1")["items"][0]["id"] == "v5"


def test_without_a_model_a_fresh_list_that_was_made_ahead_answers(make_world: Callable[..., World]) -> None:
    world = make_world()
    stored = [
        {"id": f"v{n}", "score": 1.0 - n / 100, "source": "collaborative", "reason": "so"} for n in range(9)
    ]
    world.database.stored[("u1", "video")] = StoredList(datetime.now(UTC), "6", stored)
    world.database.history["u1"] = [like("v1")]
    answer = world.recommend(user_id="u1", limit=4, exclude_ids=["v0"])
    assert (answer["answered_by"], answer["model_version"]) == ("precomputed", "6")
    assert ids(answer) == ["v2", "v3", "v4", "v5"]
    assert answer["items"][0]["author_id"] == "a2"
    old = StoredList(datetime.now(UTC) - timedelta(days=1), "6", stored)
    world.database.stored[("u2", "video")] = old
    assert world.recommend(user_id="u2")["answered_by"] == "heuristic"
    assert world.recommend(user_id="u3")["answered_by"] == "heuristic"
    world.set_flag("mlRecommendations", on=False)
    assert world.recommend(user_id="u1")["answered_by"] == "heuristic"


def test_a_model_that_fails_leaves_the_answer_to_the_heuristic(world: World, caplog: Any) -> None:
    class Broken:
        info: dict[str, Any] = {}  # noqa: RUF012

        def with_live(self, _: Any) -> Broken:
            return self

        def recommend(self, *_: Any) -> Any:
            raise ZeroDivisionError

        rank = recommend

    world.serve("8", Broken())
    first, second = world.recommend_each({"user_id": "u1"}, {"user_id": "u1"})
    assert (first["answered_by"], first["model_version"]) == ("heuristic", "heuristic")
    assert second["cached"] is False, "it may answer again in a moment"
    ranked = world.ask("POST", "/api/v1/rank", json={"user_id": "u1", "items": ["v1"]}).json()
    assert ranked["answered_by"] == "heuristic"
    assert "failed to answer" in caplog.text


def test_with_the_database_away_memory_answers_or_else_an_empty_history(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        await client.post("/api/v1/events", json=LIKED)
        world.database.away = True
        known = (await client.post("/api/v1/recommend", json={"user_id": "u1"})).json()
        unknown = (await client.post("/api/v1/recommend", json={"user_id": "u2"})).json()
        again = (await client.post("/api/v1/recommend", json={"user_id": "u2"})).json()
        return [known, unknown, again]

    known, unknown, again = world.run(work)
    assert known["degraded"] is unknown["degraded"] is True
    assert "v3" not in ids(known), "what was posted here counts all the same"
    assert any((item["because"] or {}).get("item_id") == "v3" for item in known["items"])
    assert unknown["count"] == 20
    assert again["cached"] is False, "a list that knows less is not kept"


def test_ranking_answers_for_each_item_with_a_score_and_a_reason(world: World) -> None:
    world.database.history["u1"] = [like("v3"), like("v6")]
    asked = {"user_id": "u1", "items": ["zz", "v1", "v9", "v9"]}
    answer = world.ask("POST", "/api/v1/rank", json=asked).json()
    assert ids(answer) == ["v9", "v1", "zz"]
    assert [item["score"] is None for item in answer["items"]] == [False, False, True]
    assert answer["answered_by"] == "model"
    world.set_flag("mlRecommendations", on=False)
    assert ids(world.ask("POST", "/api/v1/rank", json=asked).json())[-1] == "zz"


@pytest.mark.parametrize("items", [[], ["x"] * (MAX_RANKED + 1), "v1", [1]])
def test_a_ranking_of_nothing_or_of_too_much_is_refused(world: World, items: Any) -> None:
    assert world.ask("POST", "/api/v1/rank", json={"user_id": "u1", "items": items}).status_code == 422


def test_explained_items_come_with_their_features(world: World) -> None:
    answer = world.recommend(user_id="u1", limit=2, explain=True)
    assert all("collaborative" in item["features"] for item in answer["items"])
    assert "features" not in world.recommend(user_id="u1", limit=2)["items"][0]


def test_each_computed_list_is_recorded_under_its_id(world: World) -> None:
    first, second = world.recommend_each({"user_id": "u1", "limit": 3}, {"user_id": "u1", "limit": 3})
    (row,) = world.shipped()
    assert row["id"] == first["recommendation_id"] == second["recommendation_id"]
    assert (row["family"], row["entity_id"], row["model_version"]) == ("recommendation", "u1", "7")
    assert row["answer"] == {
        "items": ids(first), "sources": [item["source"] for item in first["items"]], "answered_by": "model",
    }  # fmt: skip
    assert row["inputs"] == {"user_id": "u1", "content_type": "video", "limit": 3}


def test_the_metrics_count_lists_by_who_made_them(world: World) -> None:
    world.recommend_each({"user_id": "u1"}, {"user_id": "u1"})
    text = world.ask("GET", "/metrics", headers={"x-api-key": "a key that is long enough"}).text
    assert 'assay_cache_lookups_total{cache="lists",outcome="miss",service="recommendation"} 1.0' in text
    assert 'assay_cache_lookups_total{cache="lists",outcome="hit",service="recommendation"} 1.0' in text

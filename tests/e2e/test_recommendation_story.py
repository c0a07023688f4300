"""A feed all the way: imported, trained on, asked for, acted on; what trends; a flag that is switched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from config.settings import Settings
from demo.progress import Progress
from demo.recommendation_story import (
    ASKED,
    PATH,
    act,
    await_flag,
    next_list,
    recommend_and_act,
    refresh,
    roll_out,
    rolled_out,
)
from demo.story import ask_service
from tests.e2e.conftest import World, told

#: An act, and a change of a flag, are in force within this long.
SECONDS = 10.0


@pytest.fixture(scope="module")
def service(settings: Settings) -> Iterator[httpx.Client]:
    key = settings.ml_api_key.get_secret_value() if settings.ml_api_key else ""
    base = f"http://127.0.0.1:{settings.recommendation_port}"
    with httpx.Client(base_url=base, headers={"X-API-Key": key}, timeout=30) as client:
        yield client


def listed(service: httpx.Client, user: str, limit: int = 10) -> dict[str, Any]:
    answer = service.post(PATH, json={"user_id": user, "limit": limit})
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def test_the_version_that_was_promoted_recommends_what_is_new_to_the_user_and_says_why(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    question = {"user_id": world.feed.user, "limit": 20}
    answer = ask_service(settings, "recommendation", question, world.recommendation, path=PATH)
    assert answer["answered_by"] == "model"
    assert answer["count"] == len({one["id"] for one in answer["items"]}) == 20
    assert all(one["reason"] and one["id"] in world.feed.titles for one in answer["items"])
    assert any(one["because"] for one in answer["items"])
    known = service.get(f"/api/v1/features/user/{world.feed.user}").json()
    seen = {one["item_id"] for one in known["taste"]}
    assert not seen & {one["id"] for one in answer["items"]}


def test_somebody_who_likes_food_and_pets_gets_food_and_pets(service: httpx.Client, world: World) -> None:
    titles = [world.feed.titles[one["id"]] for one in listed(service, world.feed.user)["items"]]
    assert sum("(food)" in title or "(pets)" in title for title in titles) > len(titles) / 2


def test_an_act_changes_the_next_list_within_seconds(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    user = world.feed.users[1]
    question = {"user_id": user, "limit": 10}
    first = listed(service, user)
    assert listed(service, user)["cached"], "nothing happened: the same list"
    liked = first["items"][0]["id"]
    began = time.monotonic()
    act(settings, user, liked, first["recommendation_id"])
    second = next_list(settings, question, first)
    assert time.monotonic() - began < SECONDS
    assert liked not in [one["id"] for one in second["items"]]
    assert service.get(f"/api/v1/features/interaction/{user}/{liked}").json()["seen"]


def test_an_item_that_was_taken_down_is_in_no_list(service: httpx.Client, world: World) -> None:
    user = world.feed.users[2]
    gone = listed(service, user)["items"][0]["id"]
    service.post("/api/v1/items", json={"item_id": gone, "removed": True}).raise_for_status()
    try:
        deadline = time.monotonic() + SECONDS
        while gone in [one["id"] for one in listed(service, user)["items"]]:
            assert time.monotonic() < deadline, f"{gone} is still recommended"
            time.sleep(0.2)
    finally:
        service.post("/api/v1/items", json={"item_id": gone, "removed": False}).raise_for_status()


def test_what_rises_and_falls_is_told_by_the_service_and_by_the_command(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    directions = refresh(settings, world.feed, Progress())
    assert {directions[one] for one in world.feed.rising} == {"rising"}
    assert directions[world.feed.falling] == "falling"
    shown = {one["item_id"]: one["direction"] for one in told(settings, "trending", "--limit", "50")}
    assert {shown[one] for one in world.feed.rising} == {"rising"}
    answer = service.get("/api/v1/trending", params={"time_window": "24h", "limit": 3}).json()
    assert not answer["stale"]
    assert answer["items"][0]["item_id"] in world.feed.rising


def test_the_steps_of_the_demo_come_to_their_end(settings: Settings, world: World) -> None:
    recommend_and_act(settings, world.recommendation, world.feed, Progress())
    by = roll_out(settings, world.feed, Progress())
    assert sum(by.values()) == ASKED
    assert min(by["model"], by["heuristic"]) > ASKED / 5


def test_with_the_flag_off_the_heuristic_answers_within_ten_seconds(
    settings: Settings, service: httpx.Client, world: World
) -> None:
    user = world.feed.users[3]
    assert listed(service, user)["answered_by"] == "model"
    began = time.monotonic()
    with rolled_out(settings, 0, "tried") as before:
        await_flag(settings, 0)
        assert time.monotonic() - began < SECONDS
        answer = listed(service, user)
        assert (answer["answered_by"], answer["model_version"]) == ("heuristic", "heuristic")
        assert answer["flags"]["mlRecommendations"] is False
        assert answer["items"]
    await_flag(settings, before)
    assert listed(service, user)["answered_by"] == "model"

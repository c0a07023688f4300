"""What forgotten people made is recommended to nobody, whatever a version knows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from models.recommendation.question import Interaction
from serving import recommendation_board, recommendation_forgotten
from serving.model_slot import ServedModel
from serving.recommendation_forgotten import ForgottenAuthors
from tests.recommendation_model_world import tiny_recommender
from tests.unit.serving.recommendation.conftest import DatabaseDouble, World

QUESTION = {"user_id": "u1", "limit": 100}


def authors(answer: dict[str, Any]) -> set[str]:
    return {item["author_id"] for item in answer["items"]}


def test_a_version_recommends_nothing_more_of_a_forgotten_author(world: World) -> None:
    assert "a3" in authors(world.recommend(**QUESTION))
    world.database.erased = {"a3"}
    world.parts.board.look()
    answer = world.recommend(**QUESTION)
    assert answer["answered_by"] == "model"
    assert answer["count"] == 50
    assert "a3" not in authors(answer)


def test_nor_is_a_forgotten_person_recommended_to_be_followed(world: World) -> None:
    follows = {"user_id": "u1", "content_type": "user"}
    assert "a3" in {item["id"] for item in world.recommend(**follows)["items"]}
    world.database.erased = {"a3"}
    world.parts.board.look()
    assert "a3" not in {item["id"] for item in world.recommend(**follows)["items"]}


def test_their_items_stay_down_when_all_is_read_anew_and_in_another_version(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.database.erased = {"a3"}
    monkeypatch.setattr(recommendation_board, "FULL_SECONDS", -1.0)
    for _ in range(3):
        world.parts.board.look()
        assert "a3" not in authors(world.recommend(**QUESTION))
    model = ServedModel(tiny_recommender(), "8", {}, "registry", datetime.now(UTC))
    world.runtime.slot.swap(model)
    answer = world.recommend(**QUESTION)
    assert answer["model_version"] == "8"
    assert "a3" not in authors(answer), "before its first request, not at the next look"
    world.parts.board.look()
    assert "a3" not in authors(world.recommend(**QUESTION))


def test_what_they_published_after_the_training_goes_as_well(world: World) -> None:
    minute_ago = int(datetime.now(UTC).timestamp() * 1e6) - 60_000_000
    fresh = world.database.catalogue["v3"] | {"id": "fresh", "author_id": "young", "published_us": minute_ago}
    world.database.changed = [fresh]
    world.parts.board.look()
    world.database.history["u1"] = [Interaction(one, "like", minute_ago) for one in ("v3", "v6", "v9")]
    assert "young" in authors(world.recommend(**QUESTION))
    world.database.erased = {"young"}
    world.database.changed = []
    world.parts.board.look()
    assert "young" not in authors(world.recommend(**QUESTION))
    assert world.parts.board.gone == {b"fresh"}


def test_the_heuristic_recommends_nothing_of_theirs_while_the_catalogue_has_it(
    make_world: Callable[..., World],
) -> None:
    world = make_world()
    assert "a3" in authors(world.recommend(**QUESTION))
    world.database.erased = {"a3"}
    world.parts.board.look()
    answer = world.recommend(**QUESTION)
    assert answer["answered_by"] == "heuristic"
    assert "a3" not in authors(answer)
    assert "a3" not in world.parts.board.board.by_author


def test_a_kept_list_that_names_something_of_theirs_is_not_given(world: World) -> None:
    async def work(client: httpx.AsyncClient) -> list[Any]:
        before = (await client.post("/api/v1/recommend", json=QUESTION)).json()
        world.database.erased = {"a3"}
        await asyncio.to_thread(world.parts.board.look)
        return [before, (await client.post("/api/v1/recommend", json=QUESTION)).json()]

    before, after = world.run(work)
    assert "a3" in authors(before)
    assert (after["cached"], "a3" in authors(after)) == (False, False)


def test_a_version_that_comes_while_the_database_is_away_is_told_what_was_known(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.database.changed = [world.database.catalogue["v3"] | {"removed": True}]
    world.parts.board.look()
    world.database.away = True
    world.runtime.slot.swap(ServedModel(tiny_recommender(), "8", {}, "registry", datetime.now(UTC)))
    answer = world.recommend(**QUESTION)
    assert answer["model_version"] == "8"
    assert "v3" not in {item["id"] for item in answer["items"]}
    assert "told what was known last" in caplog.text


def test_when_what_answers_knows_it_all_kept_lists_go_once(make_world: Callable[..., World]) -> None:
    world, told = make_world(DatabaseDouble(erased={"a1"})), []
    board = world.parts.board
    board.on_forgotten = lambda: told.append("a3" in board.board.by_author)
    world.parts.board.look()
    assert told == [], "who was forgotten before it began is in no list of its own"
    world.database.erased = {"a1", "a3"}
    for _ in range(3):
        world.parts.board.look()
    assert told == [False]


def test_each_person_is_asked_about_once_until_another_one_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recommendation_forgotten, "BLOCK", 2)
    database = DatabaseDouble()
    people, rows = ForgottenAuthors(database), database.catalogue
    people.look()
    assert people.taken_down(rows) == rows
    assert database.asked["forgotten"] == 0, "nobody was forgotten"
    database.erased = {"a3"}
    people.look()
    down = {one for one, row in people.taken_down(rows).items() if row["removed"]}
    assert down == {one for one, row in rows.items() if row["author_id"] == "a3" or one == "a3"}
    assert database.asked["forgotten"] == 3, "six authors, two at once"
    people.look()
    people.taken_down(rows)
    assert database.asked["forgotten"] == 3
    database.erased = {"a3", "a4"}
    people.look()
    assert "a4" not in {row.get("author_id") for row in people.taken_down(rows).values()}


def test_of_what_is_taken_down_nothing_is_kept_but_its_id(world: World) -> None:
    people = ForgottenAuthors(world.database)
    world.database.erased = {"a3"}
    people.look()
    row = people.taken_down(world.database.catalogue)["v3"]
    assert row == {"id": "v3", "kind": "video", "text": None, "removed": True}

"""A version of recommendation that is tried beside the one in service."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serving.model_slot import ServedModel, ServedRollout
from tests.unit.serving.recommendation.conftest import World
from tests.unit.serving.recommendation.test_board_watcher import Counting


def try_out(world: World, predictor: Any, mode: str = "canary", share: float = 0.5) -> ServedRollout:
    model = ServedModel(predictor, "9", {}, "registry", datetime.now(UTC))
    rollout = ServedRollout(7, "recommendation", mode, share, "", model)
    world.runtime.slot.try_out(rollout)
    return rollout


class Failing(Counting):
    """A predictor that fails at whatever it is asked."""

    def recommend(self, *_: Any) -> list[Any]:
        raise ArithmeticError("no such number")

    rank = recommend


def test_it_is_told_what_changed_before_it_answers_and_of_each_change_after(
    make_world: Callable[..., World],
) -> None:
    told: list[list[str]] = []
    world = make_world()
    fresh = world.database.catalogue["v1"] | {"id": "fresh"}
    world.database.changed = [fresh]
    world.serve("8", Counting([]))
    world.parts.board.look()
    try_out(world, Counting(told))
    assert told == [["fresh"]]
    world.database.changed = [fresh, fresh | {"id": "other"}]
    world.parts.board.look()
    world.parts.board.look()
    assert told == [["fresh"], ["other"]]


def test_when_it_is_tried_no_more_it_is_let_go(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.serve("8", Counting([]))
    rollout = try_out(world, Counting([]))
    board = world.parts.board
    board.look()
    assert board._tried is not None
    world.runtime.slot.rollout = None
    board.look()  # maybe it is only about to be tried
    assert board._tried is not None
    early = datetime.now(UTC) - timedelta(minutes=5)
    board._tried = (ServedModel(rollout.model.predictor, "9", {}, "registry", early), board._tried[1])
    board.look()
    assert board._tried is None


def test_a_canary_answers_its_users_and_where_it_fails_production_does(world: World) -> None:
    served = world.runtime.slot.current
    assert served is not None
    users = [f"u{number}" for number in range(60)]

    def versions() -> list[str]:
        asked = [
            world.ask("POST", "/api/v1/recommend", json={"user_id": user, "explain": True}) for user in users
        ]
        assert {one.status_code for one in asked} == {200}
        return [one.json()["model_version"] for one in asked]

    rollout = try_out(world, served.predictor)
    told = versions()
    assert [version == "9" for version in told] == [rollout.takes(user) for user in users]
    assert set(told) == {served.version, "9"}

    world.runtime.slot.rollout = None
    try_out(world, Failing([]), share=0.999)
    failing = [f"x{number}" for number in range(20)]
    for user in failing:
        answer = world.ask("POST", "/api/v1/recommend", json={"user_id": user, "explain": True}).json()
        assert (answer["answered_by"], answer["model_version"]) == ("model", served.version)
        ranked = world.ask("POST", "/api/v1/rank", json={"user_id": user, "items": ["v1", "v2"]}).json()
        assert (ranked["answered_by"], ranked["model_version"]) == ("model", served.version)


def test_a_shadow_is_asked_for_lists_and_not_to_put_given_items_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = world.runtime.slot.current
    assert served is not None
    offered: list[tuple[Any, ...]] = []
    monkeypatch.setattr(world.runtime.shadow, "offer", lambda *given: offered.append(given))
    try_out(world, served.predictor, "shadow", 1.0)
    given = world.ask("POST", "/api/v1/recommend", json={"user_id": "u1"}).json()
    ranked = world.ask("POST", "/api/v1/rank", json={"user_id": "u1", "items": ["v2", "v1"]}).json()
    assert {given["model_version"], ranked["model_version"]} == {served.version}
    ((_, asked, ask, _),) = offered
    assert asked[0].id == given["recommendation_id"]
    assert ask()[0]["items"] == [item["id"] for item in given["items"]]


def test_while_nobody_can_be_asked_who_was_forgotten_it_is_told_so_at_the_next_look(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[str]] = []
    world = make_world()
    world.database.changed = [world.database.catalogue["v1"] | {"id": "fresh"}]
    world.serve("8", Counting([]))
    world.parts.board.look()
    with monkeypatch.context() as patched:
        patched.setattr(world.parts.board._forgotten, "items_of", None)
        try_out(world, Counting(told))
    assert told == [["fresh"]]
    world.parts.board.look()
    assert told == [["fresh"], ["fresh"]]
    world.parts.board.look()
    assert len(told) == 2

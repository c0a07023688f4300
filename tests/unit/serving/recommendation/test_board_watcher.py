"""What is going on, as the service keeps it; and how the model gets to know of younger items."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from config.errors import DatabaseUnavailable
from serving import recommendation_acts, recommendation_board
from serving.model_slot import ServedModel
from serving.recommendation_acts import ActWatcher
from storage.recommendation_acts import Acts
from tests.unit.serving.recommendation.conftest import World


class Counting:
    """A predictor that tells what it was told of."""

    info: dict[str, Any] = {}  # noqa: RUF012

    def __init__(self, told: list[list[str]]) -> None:
        self.told = told

    def with_live(self, rows: list[dict[str, Any]]) -> Counting:
        self.told.append([row["id"] for row in rows])
        return self

    def recommend(self, *_: Any) -> list[Any]:
        return []


def test_the_board_holds_what_trends_what_is_new_and_what_is_engaging(world: World) -> None:
    board = world.parts.board.board
    assert dict(board.trending) == {"v7": 1.0, "v20": 0.5}
    assert dict(board.engagement) == {"v30": 400.0, "v5": 300.0}
    assert list(board.newest[:2]) == ["v0", "a0"] or list(board.newest[:2]) == ["a0", "v0"]
    assert len(board.items) == len(world.database.catalogue)


def test_the_last_board_stands_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    board = world.parts.board.board
    world.database.away = True
    with pytest.raises(DatabaseUnavailable):
        world.parts.board.look()
    assert world.parts.board.board is board
    assert world.parts.board.complaints() == []
    monkeypatch.setattr(recommendation_board, "STALE_SECONDS", -1.0)
    assert "what trends" in world.parts.board.complaints()[0]


def test_a_version_is_told_of_each_change_once(make_world: Callable[..., World]) -> None:
    world, told = make_world(), []
    fresh = world.database.catalogue["v1"] | {"id": "fresh"}
    world.database.changed = [fresh]
    world.serve("8", Counting(told))
    world.parts.board.look()
    assert told == [["fresh"]]
    other = fresh | {"id": "other"}
    world.database.changed = [fresh, other]
    world.parts.board.look()
    world.parts.board.look()
    assert told == [["fresh"], ["other"]]
    world.database.changed = [fresh | {"removed": True}, other]
    world.parts.board.look()
    assert told[2:] == [["fresh"]]
    assert world.parts.board.gone == {b"fresh"}


def test_a_new_version_is_told_of_everything_anew(make_world: Callable[..., World]) -> None:
    world, told = make_world(), []
    world.database.changed = [world.database.catalogue["v1"] | {"id": "fresh"}]
    world.serve("8", Counting([]))
    world.serve("9", Counting(told))
    assert told == [["fresh"]]
    model = world.runtime.slot.current
    assert model is not None
    assert world.parts.board.predictor(model).told is told


def test_a_full_reading_finds_what_is_gone_from_the_catalogue(
    make_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, told = make_world(), []
    row = world.database.catalogue["v1"]
    world.database.changed = [row | {"id": "forgotten"}, row | {"id": "kept"}]
    world.serve("8", Counting(told))
    world.database.changed = [row | {"id": "kept"}]
    monkeypatch.setattr(recommendation_board, "FULL_SECONDS", -1.0)
    world.parts.board.look()
    assert told[-1] == ["kept"], "the model is made anew, without what was forgotten"
    world.parts.board.look()
    assert len(told) == 2, "nothing changed"


def test_a_fault_of_a_model_keeps_no_board_back(make_world: Callable[..., World], caplog: Any) -> None:
    class Broken(Counting):
        def recommend(self, *_: Any) -> list[Any]:
            raise ZeroDivisionError

    world = make_world()
    before = world.parts.board.board
    world.serve("8", Broken([]))
    assert world.parts.board.board is not before
    assert "could not be prepared" in caplog.text


def test_a_version_that_cannot_be_told_of_items_answers_all_the_same(
    make_world: Callable[..., World], caplog: Any
) -> None:
    class Deaf(Counting):
        def with_live(self, _: Any) -> Counting:
            raise ZeroDivisionError

    world, deaf = make_world(), Deaf([])
    world.database.changed = [world.database.catalogue["v1"] | {"id": "fresh"}]
    model = ServedModel(deaf, "8", {}, "registry", datetime.now(UTC))
    world.runtime.slot.swap(model)
    assert world.runtime.slot.current is model
    assert world.parts.board.predictor(model) is deaf
    assert "could not be told of items" in caplog.text


def test_a_version_knows_what_changed_before_it_answers(make_world: Callable[..., World]) -> None:
    world, told = make_world(), []
    world.serve("8", Counting([]))
    world.database.changed = [world.database.catalogue["v1"] | {"removed": True}]
    model = ServedModel(Counting(told), "9", {}, "registry", datetime.now(UTC))
    world.runtime.slot.swap(model)
    assert told == [["v1"]]
    assert world.parts.board.gone == {b"v1"}


def test_a_long_text_is_on_the_board_as_far_as_a_reason_quotes_it(make_world: Callable[..., World]) -> None:
    world = make_world()
    world.database.catalogue["v1"] = world.database.catalogue["v1"] | {"text": "x" * 5000}
    world.parts.board.look()
    assert len(world.parts.board.board.items["v1"]["text"]) == recommendation_board.LONGEST_TEXT


class Listener:
    """What a watcher of acts told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def elsewhere(self, users: Any) -> None:
        self.told.append(sorted(users))

    def anybody(self) -> None:
        self.told.append("anybody")

    def began(self) -> None:
        self.told.append("began")

    def forgotten(self) -> None:
        self.told.append("forgotten")


def test_of_acts_it_is_told_who_acted_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(
        [
            Acts("1", {}, True),
            Acts("2", {"e1": "u1", "e2": "u2"}, True),
            Acts("3", {"e3": "u3"}, True),
            Acts("4", {"e4": "u4"}, False),
        ]
    )
    asked: list[str | None] = []

    def read(last: str | None) -> Acts:
        asked.append(last)
        return next(answers)

    watcher, listener = ActWatcher(read), Listener()
    watcher._listener = listener
    assert not watcher.looks()
    watcher.own(["e2", "e3"])
    for _ in range(4):
        watcher.look()
    assert listener.told == ["began", ["u1"], "anybody"]
    assert asked == [None, "1", "2", "3"]
    assert watcher.looks()
    monkeypatch.setattr(recommendation_acts, "LATE_SECONDS", -1.0)
    assert not watcher.looks()


def test_that_somebody_was_forgotten_is_told_at_the_begin_and_at_the_end_of_it() -> None:
    told = iter(["0:0", "0:0", "1:7", "1:7", "1:9", "1:9"])
    watcher, listener = ActWatcher(lambda _: Acts("1", {}, True, next(told))), Listener()
    watcher._listener = listener
    for _ in range(6):
        watcher.look()
    assert listener.told == ["began", "forgotten", "forgotten"]


def test_its_memory_of_own_events_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recommendation_acts, "OWN_EVENTS", 3)
    watcher = ActWatcher(lambda _: Acts("1", {}, True))
    watcher.own(f"e{number}" for number in range(10))
    assert list(watcher._own) == ["e7", "e8", "e9"]

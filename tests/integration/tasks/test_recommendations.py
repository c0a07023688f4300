"""Making lists ahead on a real database: for whom, of what, and what is left out."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

import tasks.recommendations
from config.errors import InputError
from config.settings import Settings
from registry.records import LoadedModel, ModelVersion
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.events import insert_events
from storage.items import remove, save_items
from storage.recommendation_lists import MadeList, StoredList, read_lists, save_lists
from tasks.recommendations import refresh
from tasks.trending import refresh as refresh_trends
from tests.recommendation_board_world import world_items
from tests.recommendation_model_world import NOW, tiny_recommender

VERSION = ModelVersion("recommendation", "3", "run", NOW - timedelta(hours=2))


def model() -> LoadedModel:
    return LoadedModel(tiny_recommender(), VERSION)


def do(engine: Engine, settings: Settings, **options: Any) -> dict[str, Any]:
    return refresh(engine, settings, model(), options.pop("clock", lambda: NOW), **options)


def deeds(engine: Engine, *rows: tuple[str, str, str, float]) -> None:
    """(user, item, kind, hours ago)"""
    insert_events(
        engine,
        [
            {"user_id": user, "item_id": item, "kind": kind, "at": NOW - timedelta(hours=hours)}
            for user, item, kind, hours in rows
        ],
        NOW,
    )


def catalogue(engine: Engine, **new: dict[str, Any]) -> None:
    known = [
        {
            "item_id": one["id"],
            **{name: one[name] for name in ("kind", "author_id", "text", "category", "tags")},
        }
        for one in world_items()
    ]
    save_items(
        engine, known + [{"item_id": one, **told} for one, told in new.items()], NOW - timedelta(hours=1)
    )


def lists(engine: Engine, *users: str, kind: str = "video") -> dict[str, StoredList]:
    return {user: one for (user, _), one in read_lists(engine, [(user, kind) for user in users]).items()}


def ids(stored: StoredList) -> list[str]:
    return [entry["id"] for entry in stored.items]


def test_who_acted_lately_gets_a_list_of_what_they_have_not_seen_with_reasons(
    engine: Engine, settings: Settings
) -> None:
    deeds(
        engine,
        ("ann", "v0", "like", 2),
        ("ann", "v3", "like", 3),
        ("bob", "v1", "view", 30),
        ("old", "v2", "like", 200),
    )
    summary = do(engine, settings, count=10)

    found = lists(engine, "ann", "bob", "old")
    assert set(found) == {"ann", "bob"}
    assert (found["ann"].model_version, found["ann"].made_at) == ("3", NOW)
    assert len(found["ann"].items) == 10
    assert not {"v0", "v3"} & set(ids(found["ann"]))
    entry = found["ann"].items[0]
    assert {"id", "kind", "score", "source", "reason", "because", "author_id"} == set(entry)
    assert entry["reason"]
    assert (summary["users"], summary["lists"], summary["entries"]) == (2, 2, 20)
    assert sum(summary["sources"].values()) == 20
    assert (summary["version"], summary["left_out"], summary["without_history"]) == ("3", {}, 0)


def test_some_users_only_of_some_kinds_and_strangers_get_what_is_popular(
    engine: Engine, settings: Settings
) -> None:
    deeds(engine, ("ann", "v0", "like", 2), ("bob", "v1", "like", 2))
    save_lists(engine, [MadeList("gone", "video", [{"id": "v1"}], [frozenset()])], NOW - timedelta(days=9), "1",
               settings=settings)  # fmt: skip
    summary = do(engine, settings, user_ids=["ann", "stranger", "ann"], item_kinds=["video", "post"], count=5)
    assert set(lists(engine, "ann", "bob", "stranger")) == {"ann", "stranger"}
    assert all(one.startswith("p") for one in ids(lists(engine, "ann", kind="post")["ann"]))
    assert (summary["users"], summary["without_history"], summary["pruned"]) == (2, 1, 0)
    assert lists(engine, "gone"), "only a run for everybody knows who is no longer active"


def test_doing_it_again_gives_the_same_lists_and_a_later_run_newer_ones(
    engine: Engine, settings: Settings
) -> None:
    deeds(engine, *((f"u{user}", f"v{user}", "like", 1.0 + user) for user in range(7)))
    names = [f"u{user}" for user in range(7)]
    do(engine, settings)
    first = lists(engine, *names)
    assert len(first) == 7
    do(engine, settings)
    assert lists(engine, *names) == first
    best = ids(first["u0"])[0]
    deeds(engine, ("u0", best, "like", 0.01))
    do(engine, settings, clock=lambda: NOW + timedelta(hours=1))
    again = lists(engine, *names)
    assert best not in ids(again["u0"])
    assert {one.made_at for one in again.values()} == {NOW + timedelta(hours=1)}


def test_a_killed_run_leaves_whole_lists_and_the_next_one_makes_the_rest(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.recommendations, "BLOCK", 2)
    deeds(engine, *((f"u{user}", f"v{user}", "like", 1.0 + user) for user in range(5)))
    moments = iter([NOW, NOW, NOW])

    def clock() -> datetime:
        try:
            return next(moments)
        except StopIteration:
            raise KeyboardInterrupt from None

    with pytest.raises(KeyboardInterrupt):
        do(engine, settings, clock=clock)
    names = [f"u{user}" for user in range(5)]
    assert set(lists(engine, *names)) == {"u0", "u1", "u2", "u3"}, "those who acted last come first"
    assert do(engine, settings)["lists"] == 5
    assert set(lists(engine, *names)) == set(names)


def test_items_of_after_the_training_come_and_those_taken_down_do_not(
    engine: Engine, settings: Settings
) -> None:
    fresh = {"author_id": "a1", "text": "Brand new", "published_at": NOW - timedelta(hours=1)}
    catalogue(engine, fresh=fresh)
    deeds(engine, ("ann", "v0", "like", 2), ("ann", "v3", "like", 3), ("ann", "a1", "follow", 4))
    gone = ids_of(engine, settings, "ann")[0]
    assert gone != "fresh"
    remove(engine, [gone], NOW)
    summary = do(engine, settings, count=60)
    found = lists(engine, "ann")["ann"]
    assert summary["live_items"] == 1
    assert next(one["source"] for one in found.items if one["id"] == "fresh") == "followed"
    assert gone not in ids(found)


def ids_of(engine: Engine, settings: Settings, user: str) -> list[str]:
    do(engine, settings, count=30)
    return ids(lists(engine, user)[user])


def test_what_trends_now_is_in_the_lists_of_strangers(engine: Engine, settings: Settings) -> None:
    catalogue(engine)
    crowd = [(f"u{user}", "v41", "share", 1.0) for user in range(6)]
    deeds(engine, *crowd, *((user, f"v{number}", "view", 190.0) for number, (user, *_) in enumerate(crowd)))
    refresh_trends(engine, settings, NOW)
    summary = do(engine, settings, user_ids=["stranger"], count=10)
    top = lists(engine, "stranger")["stranger"].items[0]
    assert (top["id"], top["source"]) == ("v41", "trending")
    assert summary["sources"]["trending"] >= 1


def test_nothing_is_made_for_the_forgotten_nor_of_what_is_theirs(engine: Engine, settings: Settings) -> None:
    deeds(engine, ("ann", "v0", "like", 2), ("bob", "v0", "like", 2))
    do(engine, settings, count=30)
    named = {entry["author_id"] for entry in lists(engine, "bob")["bob"].items}
    assert "a2" in named
    with transaction(engine) as connection:
        for person in ("ann", "a2"):
            remember(connection, subject_hash(settings, person), requested_by="x", reason=None, at=NOW)
        connection.exec_driver_sql("delete from recommendation_lists")
    summary = do(engine, settings, count=30)
    found = lists(engine, "ann", "bob")
    assert set(found) == {"bob"}
    assert "a2" not in {entry["author_id"] for entry in found["bob"].items}
    assert summary["left_out"] == {"forgotten": 1}
    assert summary["forgotten_entries"] > 0


def test_what_only_follows_from_an_item_of_the_forgotten_is_left_out_too(
    engine: Engine, settings: Settings
) -> None:
    deeds(engine, ("bob", "v0", "like", 2))
    do(engine, settings, count=30)
    assert any((one["because"] or {}).get("item_id") == "v0" for one in lists(engine, "bob")["bob"].items)
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "a0"), requested_by="x", reason=None, at=NOW)
    do(engine, settings, clock=lambda: NOW + timedelta(hours=1), count=30)
    assert not any((one["because"] or {}).get("item_id") == "v0" for one in lists(engine, "bob")["bob"].items)


def test_lists_of_those_who_are_no_longer_active_go_after_some_days(engine: Engine, settings: Settings) -> None:
    deeds(engine, ("ann", "v0", "like", 2))
    entry = [{"id": "v1"}]
    for user, days in (("gone", 3), ("paused", 1)):
        save_lists(engine, [MadeList(user, "video", entry, [frozenset()])], NOW - timedelta(days=days), "1",
                   settings=settings)  # fmt: skip
    assert do(engine, settings)["pruned"] == 1
    assert set(lists(engine, "ann", "gone", "paused")) == {"ann", "paused"}


def test_whoever_finds_no_time_or_nothing_to_recommend_is_counted(
    engine: Engine, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    deeds(engine, *((f"u{user}", f"v{user}", "like", 1.0 + user) for user in range(5)))
    monkeypatch.setattr(tasks.recommendations, "BLOCK", 2)
    monkeypatch.setattr(tasks.recommendations, "MOST_USERS", 4)
    assert do(engine, settings)["left_out"] == {"too many users": 1}
    monkeypatch.setattr(tasks.recommendations, "MOST_SECONDS", -1.0)
    summary = do(engine, settings)
    assert (summary["users"], summary["left_out"]) == (0, {"no time": 4, "too many users": 1})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"item_kinds": ["song"]}, "no items of the kind 'song'"),
        ({"count": 0}, "0 items"),
        ({"count": 201}, "201 items"),
    ],
)
def test_what_cannot_be_made_is_said(
    engine: Engine, settings: Settings, options: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        do(engine, settings, **options)

"""Lists that were made ahead: the latest one stays, nothing stays of who was forgotten, and old ones go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine

from config.settings import Settings
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.recommendation_lists import MadeList, Saved, prune_lists, read_lists, save_lists

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def made(user: str, *ids: str, kind: str = "video", people: dict[str, str] | None = None) -> MadeList:
    entries: list[dict[str, Any]] = [{"id": one, "score": 0.5, "source": "content"} for one in ids]
    named = people or {}
    return MadeList(user, kind, entries, [frozenset({named[one]} if one in named else ()) for one in ids])


def stored(engine: Engine, *users: str) -> dict[str, list[str]]:
    found = read_lists(engine, [(user, "video") for user in users])
    return {user: [entry["id"] for entry in one.items] for (user, _), one in found.items()}


def forget(engine: Engine, settings: Settings, person: str) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, person), requested_by="ana", reason=None, at=NOW)


def test_a_list_takes_the_place_of_an_earlier_one_and_not_of_a_later_one(
    engine: Engine, settings: Settings
) -> None:
    save_lists(engine, [made("u1", "a"), made("u1", "p", kind="post")], NOW, "1", settings=settings)
    again = [made("u1", "b", "c"), made("u2", "d")]
    assert save_lists(engine, again, NOW + timedelta(hours=1), "2", settings=settings) == Saved(2, 0, 0, 0)
    late = save_lists(engine, [made("u1", "x"), made("u3", "y")], NOW, "1", settings=settings)
    assert late == Saved(1, 0, 1, 0)
    assert stored(engine, "u1", "u2", "u3", "u4") == {"u1": ["b", "c"], "u2": ["d"], "u3": ["y"]}
    found = read_lists(engine, [("u1", "video"), ("u1", "post")])
    assert found["u1", "video"].model_version == "2"
    assert found["u1", "post"].items == [{"id": "p", "score": 0.5, "source": "content"}]


def test_nothing_is_stored_of_who_was_forgotten_nor_what_names_them(engine: Engine, settings: Settings) -> None:
    forget(engine, settings, "ann")
    lists = [made("ann", "a"), made("bob", "a", "b", "c", people={"b": "ann", "c": "carl"})]
    assert save_lists(engine, lists, NOW, "1", settings=settings) == Saved(1, 1, 0, 1)
    assert stored(engine, "ann", "bob") == {"bob": ["a", "c"]}


def test_lists_that_are_not_made_any_more_go(engine: Engine, settings: Settings) -> None:
    save_lists(engine, [made("old", "a")], NOW - timedelta(days=3), "1", settings=settings)
    save_lists(engine, [made("new", "a")], NOW, "1", settings=settings)
    assert prune_lists(engine, NOW - timedelta(days=2)) == 1
    assert stored(engine, "old", "new") == {"new": ["a"]}


def test_no_lists_are_no_fault(engine: Engine, settings: Settings) -> None:
    assert save_lists(engine, [], NOW, "1", settings=settings) == Saved(0, 0, 0, 0)

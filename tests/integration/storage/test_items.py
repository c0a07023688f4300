"""The catalogue: described, changed, taken down, and followed by a reader that misses nothing."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage.database import transaction
from storage.erasure import remember, subject_hash
from storage.items import changed_since, items, remove, restore, save_items

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


def item(name: str = "v1", **given: Any) -> dict[str, Any]:
    return {"item_id": name, "text": "A day out", "tags": ["sun", "sea"], "author_id": "ann"} | given


def test_what_is_given_takes_the_place_of_what_was_known_and_the_rest_stays(engine: Engine) -> None:
    assert save_items(engine, [item(published_at=NOW - HOUR)], NOW) == ["new"]
    assert save_items(engine, [{"item_id": "v1", "text": "A night out", "tags": []}], NOW + HOUR) == ["changed"]
    assert items(engine, ["v1", "v2"]) == {
        "v1": {
            "id": "v1", "kind": "video", "author_id": "ann", "text": "A night out", "tags": [],
            "category": None, "language": None, "region": None, "published_at": NOW - HOUR,
            "updated_at": NOW + HOUR, "removed_at": None,
        }
    }  # fmt: skip


def test_what_changes_nothing_is_not_written(engine: Engine) -> None:
    save_items(engine, [item()], NOW)
    assert save_items(engine, [item(), {"item_id": "v1"}], NOW + HOUR) == ["unchanged", "unchanged"]
    assert items(engine, ["v1"])["v1"]["updated_at"] == NOW


def test_of_two_rows_of_one_item_the_later_builds_on_the_earlier(engine: Engine) -> None:
    assert save_items(engine, [item(), {"item_id": "v1", "language": "en"}], NOW) == ["new", "changed"]
    found = items(engine, ["v1"])["v1"]
    assert (found["text"], found["language"]) == ("A day out", "en")


def test_an_item_is_taken_down_once_and_can_come_back(engine: Engine) -> None:
    save_items(engine, [item()], NOW)
    assert save_items(engine, [{"item_id": "v1", "removed": True}], NOW + HOUR) == ["changed"]
    assert remove(engine, ["v1", "nobody"], NOW + 2 * HOUR) == ["unchanged", "unchanged"]
    assert items(engine, ["v1"])["v1"]["removed_at"] == NOW + HOUR
    assert save_items(engine, [item(text="New words")], NOW + 3 * HOUR) == ["changed"]
    assert items(engine, ["v1"])["v1"]["removed_at"] == NOW + HOUR, "a description puts nothing back"
    assert restore(engine, ["v1"], NOW + 4 * HOUR) == ["changed"]
    assert items(engine, ["v1"])["v1"]["removed_at"] is None


def test_an_id_names_one_thing_for_ever(engine: Engine) -> None:
    save_items(engine, [item(), item("ann", kind="user", author_id=None)], NOW)
    assert save_items(engine, [item(kind="post", text="Other")], NOW) == ["conflict"]
    assert items(engine, ["v1"])["v1"]["text"] == "A day out"


def test_nothing_of_forgotten_people_is_taken(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "gone"), requested_by="ada", reason=None, at=NOW)
    sent = [item("v1", author_id="gone"), item("gone", kind="user", author_id=None), item("v2")]
    assert save_items(engine, sent, NOW, settings=settings) == ["forgotten", "forgotten", "new"]
    assert set(items(engine, ["v1", "gone", "v2"])) == {"v2"}


@pytest.mark.parametrize(
    "given",
    [{"item_id": " "}, {"kind": "song"}, {"tags": "sun"}, {"tags": ["x" * 101]}, {"text": "x" * 20_001},
     {"published_at": "today"}, {"removed": "yes"}, {"titel": "x"}],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_named_and_nothing_is_kept(engine: Engine, given: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"(?i){next(iter(given))}"):
        save_items(engine, [item("v0"), item(**given)], NOW)
    assert items(engine, ["v0"]) == {}


def test_a_reader_gets_each_change_once_in_parts(engine: Engine) -> None:
    save_items(engine, [item(f"v{number}") for number in range(5)], NOW)
    first, place = changed_since(engine, limit=3)
    second, place = changed_since(engine, place, limit=3)
    assert [row["id"] for row in (*first, *second)] == [f"v{number}" for number in range(5)]
    assert changed_since(engine, place) == ([], place)
    save_items(engine, [{"item_id": "v2", "removed": True}], NOW + HOUR)
    changed, place = changed_since(engine, place)
    assert [(row["id"], row["removed_at"]) for row in changed] == [("v2", NOW + HOUR)]


def test_a_reader_misses_nothing_of_a_transaction_that_commits_late(engine: Engine) -> None:
    insert = text("insert into items (id, kind, published_at, updated_at) values (:id, 'video', :at, :at)")
    with engine.connect() as slow:
        slow.execute(insert, {"id": "slow", "at": NOW})
        save_items(engine, [item("quick")], NOW + HOUR)
        early, place = changed_since(engine)
        slow.commit()
    late, _ = changed_since(engine, place)
    assert [row["id"] for row in (*early, *late)] == ["slow", "quick"]

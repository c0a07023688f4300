"""What collection reads of interactions, and what forgetting a person takes away."""

from __future__ import annotations

import datetime as dt
import json
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from storage.database import transaction
from storage.erasure_tables import count_rows, delete_rows, sweep_out
from storage.events import insert_events
from storage.items import save_items
from storage.predictions import insert_predictions
from storage.sources import read_sources
from storage.sources.recommendation import INTERACTIONS, ITEMS

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
END = START + DAY


def event(user: str, item: str, at: dt.datetime, **given: Any) -> dict[str, Any]:
    return {"user_id": user, "item_id": item, "kind": "view", "at": at} | given


def rows(engine: Engine, query: str) -> list[Any]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def read(engine: Engine) -> dict[str, Any]:
    return read_sources(engine, "recommendation", START, END)


def test_a_window_has_what_was_received_in_it_and_the_items_it_is_about(engine: Engine) -> None:
    save_items(engine, [{"item_id": name, "tags": ["a", "b,c"]} for name in ("old", "unseen")], START - DAY)
    save_items(engine, [{"item_id": "fresh", "text": 'say "hi"\n', "tags": []}], START)
    insert_events(engine, [event("ann", "old", START - DAY, watch_share=0.5)], START)  # told late
    insert_events(engine, [event("ben", "unseen", START - 2 * DAY)], START - dt.timedelta(microseconds=1))
    insert_events(engine, [event("zoe", "unseen", END)], END)
    found = read(engine)
    assert found["interactions"].schema == INTERACTIONS
    assert found["items"].schema == ITEMS
    assert found["interactions"]["user_id"].to_pylist() == ["ann"]
    assert found["interactions"]["watch_share"].to_pylist() == [0.5]
    described = {row["id"]: row for row in found["items"].to_pylist()}
    assert set(described) == {"old", "fresh"}
    assert described["old"]["tags"] == ["a", "b,c"]
    assert (described["fresh"]["tags"], described["fresh"]["text"]) == ([], 'say "hi"\n')
    assert described["old"]["removed_at"] is None


def test_the_version_that_recommended_is_named_where_it_is_on_record(engine: Engine) -> None:
    identity = str(uuid.uuid4())
    answer = {
        "id": identity, "family": "recommendation", "entity_id": "ann", "at": START, "inputs": {}, "answer": {},
        "model_version": "7", "latency_ms": 1.0, "received_at": START,
    }  # fmt: skip
    insert_predictions(engine, [answer])
    names = [identity.upper(), str(uuid.uuid4()), "their own name", None]
    sent = [event("ann", f"v{n}", START, recommendation_id=name) for n, name in enumerate(names)]
    insert_events(engine, sent, START)
    found = read(engine)["interactions"].to_pylist()
    versions = {row["item_id"]: row["predicted_version"] for row in found}
    assert versions == {"v0": "7", "v1": None, "v2": None, "v3": None}


def test_a_window_without_anything_is_empty(engine: Engine) -> None:
    found = read(engine)
    assert (found["interactions"].num_rows, found["items"].num_rows) == (0, 0)
    assert found["items"].schema == ITEMS


@pytest.fixture
def world(engine: Engine) -> Engine:
    """Gone made v1 and is an item to follow; others acted on both, and v9 is nobody's of theirs."""
    save_items(
        engine,
        [
            {"item_id": "v1", "author_id": "gone"},
            {"item_id": "v9", "author_id": "ben"},
            {"item_id": "gone", "kind": "user"},
            {"item_id": "ben", "kind": "user"},
        ],
        START,
    )
    sent = [
        event("gone", "v9", START), event("ben", "v1", START), event("ben", "gone", START, kind="follow"),
        event("ben", "v9", START - 60 * DAY), event("ann", "ben", START, kind="follow"),
        event("ann", "gone", START),  # a video that happens to have that id
    ]  # fmt: skip
    insert_events(engine, sent, START)
    with transaction(engine) as connection:
        for user, kind, item, because in (
            ("gone", "video", "v9", None), ("ann", "video", "v1", "v9"), ("ann", "user", "gone", None),
            ("ben", "video", "v9", "v9"), ("carl", "video", "v9", "v1"), ("carl", "user", "ben", "gone"),
        ):  # fmt: skip
            origin = None if because is None else json.dumps({"item_id": because})
            connection.execute(
                text(
                    "insert into recommendation_lists values (:user, :kind, now(), '1', jsonb_build_array("
                    "jsonb_build_object('id', cast(:item as text), 'because', cast(:origin as jsonb))))"
                ),
                {"user": user, "kind": kind, "item": item, "origin": origin},
            )
    return engine


def test_a_person_who_is_forgotten_takes_along_what_they_did_made_and_are(world: Engine) -> None:
    counted = count_rows(world, "gone", [])
    with transaction(world) as connection:
        deleted = delete_rows(connection, "gone", [], "instead")
    assert deleted == counted
    expected = {"events": 3, "items": 2, "recommendation_lists": 5}
    assert {name: deleted[name] for name in expected} == expected
    assert rows(world, "select user_id, item_id from events order by 1, 2") == [
        ("ann", "ben"), ("ann", "gone"), ("ben", "v9")
    ]  # fmt: skip
    assert rows(world, "select id from items order by 1") == [("ben",), ("v9",)]
    assert rows(world, "select user_id, item_kind from recommendation_lists") == [("ben", "video")]


def test_every_month_is_written_anew_so_that_no_dead_copy_stays(world: Engine) -> None:
    before = dict(rows(world, "select relid::regclass::text, pg_relation_filenode(relid) from "
                              "pg_partition_tree('events') where isleaf"))  # fmt: skip
    assert len(before) == 2
    assert sweep_out(world, ["events", "items"]) == {"events": True, "items": True}
    after = dict(rows(world, "select relid::regclass::text, pg_relation_filenode(relid) from "
                             "pg_partition_tree('events') where isleaf"))  # fmt: skip
    assert all(before[name] != after[name] for name in before)

"""What the CTR service asks of PostgreSQL while others hold its tables, and how queued outcomes reach it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pyarrow as pa
import pytest
from sqlalchemy import Engine, text

from config.errors import DatabaseUnavailable
from config.settings import Settings
from models.ctr.schema import OUTCOME_SCHEMA
from serving import ctr_database
from serving.ctr_database import LOCK_SECONDS, ClipDatabase, take_outcomes
from serving.inbox import Inbox
from serving.metrics import ServiceMetrics
from storage.clip_bulk import outcome_load
from storage.clip_outcomes import save_outcomes
from storage.clips import clip_inputs, save_clips
from storage.database import LOCK_SLOTS, lock_names, transaction

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTCOME = {
    "key": "k", "clip_id": "c", "started_at": NOW - timedelta(days=3), "ended_at": NOW - timedelta(days=2),
    "impressions": 100, "clicks": 5,
}  # fmt: skip


@pytest.fixture
def database(settings: Settings) -> Iterator[ClipDatabase]:
    made = ClipDatabase(settings)
    made.save_clips([{"clip_id": "c", "creator_id": "creator", "title": "first"}], NOW - timedelta(days=9))
    yield made
    made.close()


@contextmanager
def importing(engine: Engine, **told: Any) -> Iterator[None]:
    """An import of the outcome that has written everything and is committed when the block ends."""
    with outcome_load(engine, True, NOW) as load:
        load.add(pa.Table.from_pylist([{**OUTCOME, **told}], schema=OUTCOME_SCHEMA))
        load.finish()
        yield


def counts(engine: Engine) -> list[tuple[Any, ...]]:
    with transaction(engine) as connection:
        rows = connection.execute(
            text("select key, revision, clicks from clip_outcomes order by key, revision")
        )
        return [tuple(row) for row in rows]


def test_who_waits_long_for_an_import_is_told_that_the_database_is_away(
    database: ClipDatabase, engine: Engine
) -> None:
    with importing(engine):
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="locked by an import"):
            database.save_outcomes([OUTCOME | {"key": "other"}], NOW)
        with pytest.raises(DatabaseUnavailable):
            database.save_clips([{"clip_id": "c", "title": "second"}], NOW)
        assert time.monotonic() - began < 4 * LOCK_SECONDS
        assert database.clips(["c"], NOW)["c"]["title"] == "first", "reading goes on"
    assert database.save_outcomes([OUTCOME | {"key": "other"}], NOW) == ["new"]


def test_outcomes_and_clips_that_come_during_an_import_know_what_it_has_told(
    database: ClipDatabase, engine: Engine
) -> None:
    with ThreadPoolExecutor(2) as pool:
        with importing(engine, category="comedy"):
            same = pool.submit(save_outcomes, engine, [OUTCOME], NOW)
            clip = pool.submit(save_clips, engine, [{"clip_id": "c", "title": "second"}], NOW)
            time.sleep(0.3)
            assert not same.done()
            assert not clip.done()
        assert same.result() == ["repeated"]
        assert clip.result() == ["changed"]
    known = clip_inputs(engine, ["c"], NOW, timedelta(hours=24))["c"]
    assert (known["title"], known["category"]) == ("second", "comedy")


def test_large_batches_take_few_of_the_servers_locks_and_the_same_name_is_waited_for(engine: Engine) -> None:
    with transaction(engine) as connection:
        lock_names(connection, "clip_outcomes", [f"key-{number}" for number in range(5000)])
        held = connection.execute(text("select count(*) from pg_locks where locktype = 'advisory'")).scalar()
        assert held is not None
        assert held <= LOCK_SLOTS
        got = threading.Event()

        def again() -> None:
            with transaction(engine) as other:
                lock_names(other, "clips", ["key-7"])  # of another kind
                lock_names(other, "clip_outcomes", ["key-7"])
                got.set()

        thread = threading.Thread(target=again)
        thread.start()
        assert not got.wait(0.3)
    thread.join(5)
    assert got.is_set()


def test_of_queued_outcomes_only_the_refused_are_set_aside_and_the_last_restatement_stands(
    database: ClipDatabase, settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ctr_database, "ClipDatabase", lambda _: database)  # whose connections are closed
    take = partial(take_outcomes, settings)
    inbox = Inbox("outcomes", settings.home / "outcomes", settings, ServiceMetrics("ctr"), take)
    common = OUTCOME | {"placement": None, "audience": None, "replace": False}
    inbox.keep(
        [
            common,
            common | {"key": "lost", "clip_id": "nobody"},
            common | {"clicks": 7, "replace": True},
            common | {"clicks": 9},
            common | {"key": "k-2"},
        ]
    )
    inbox.spool.rotate()
    inbox.shipper.ship()
    assert counts(engine) == [("k", 1, 5), ("k", 2, 7), ("k-2", 1, 5)]
    (aside,) = (settings.home / "outcomes" / "set-aside").glob("*.jsonl")
    reasons = [json.loads(line)["reason"] for line in aside.read_text().splitlines()]
    assert [reason.split(":")[0] for reason in reasons] == [
        "There is no clip 'nobody'", "The key 'k' stands for other counts",
    ]  # fmt: skip
    assert not inbox.waiting()
    inbox.spool.close()

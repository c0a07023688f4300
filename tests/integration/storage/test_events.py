"""Interactions in the database: once each, in the month where they belong, and found by user and by item."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Engine, text

from config.errors import InputError
from config.settings import Settings
from storage.database import make_engine, transaction
from storage.erasure import remember, subject_hash
from storage.event_months import ensure_months, span_of
from storage.events import active_users, event_key, history, insert_events, item_counts

NOW = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
SECOND = dt.timedelta(seconds=1)


def event(number: int = 0, **given: Any) -> dict[str, Any]:
    row = {"user_id": "ann", "item_id": f"v{number}", "kind": "view", "at": NOW - number * SECOND}
    return row | given


def rows(engine: Engine, query: str) -> list[Any]:
    with transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def months(engine: Engine) -> list[str]:
    query = "select relid::regclass::text from pg_partition_tree('events') where isleaf order by 1"
    return [name for (name,) in rows(engine, query)]


def test_an_event_counts_once_however_often_it_is_sent(engine: Engine) -> None:
    sent = [event(0), event(1, id="own"), event(0), event(0, kind="like")]
    assert insert_events(engine, sent, NOW) == ["new", "new", "repeated", "new"]
    assert insert_events(engine, sent, NOW + SECOND) == ["repeated"] * 4
    key = event_key("ann", "v0", "view", NOW)
    assert len(key) == 32
    found = rows(engine, "select id, received_at from events where item_id = 'v0' and kind = 'view'")
    assert found == [(key, NOW)]


def test_the_key_of_an_event_tells_every_part_of_it_apart() -> None:
    base = ("ann", "v", "view", NOW)
    others = [
        ("annv", "", "view", NOW), ("ann", "w", "view", NOW), ("ann", "v", "like", NOW),
        ("ann", "v", "view", NOW + dt.timedelta(microseconds=1)),
    ]  # fmt: skip
    assert len({event_key(*each) for each in (base, *others)}) == 5
    elsewhere = NOW.astimezone(dt.timezone(dt.timedelta(hours=7)))
    assert event_key("ann", "v", "view", elsewhere) == event_key(*base)


def test_the_future_and_times_before_2005_are_refused_and_a_clock_may_be_minutes_ahead(engine: Engine) -> None:
    sent = [
        event(at=NOW + dt.timedelta(minutes=4)),
        event(at=NOW + dt.timedelta(minutes=6)),
        event(at=dt.datetime(2004, 12, 31, tzinfo=dt.UTC)),
    ]
    assert insert_events(engine, sent, NOW) == ["new", "in the future", "too early"]
    assert insert_events(engine, sent[1:], NOW) == ["in the future", "too early"]
    assert rows(engine, "select count(*) from events") == [(1,)]


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"kind": "stare"}, "kind of event 1"),
        ({"item_kind": "song"}, "item_kind of event 1"),
        ({"user_id": " "}, "user_id of event 1"),
        ({"item_id": "x" * 257}, "item_id of event 1"),
        ({"at": NOW.replace(tzinfo=None)}, "at of event 1"),
        ({"watch_share": 1.5}, "watch_share of event 1"),
        ({"watch_share": float("nan")}, "watch_share of event 1"),
        ({"region": "a\x00b"}, "region of event 1"),
        ({"id": ""}, "id of event 1"),
    ],
)
def test_of_a_batch_with_a_row_that_does_not_fit_nothing_is_kept(
    engine: Engine, given: dict[str, Any], named: str
) -> None:
    with pytest.raises(InputError, match=named):
        insert_events(engine, [event(0), event(1, **given)], NOW)
    assert rows(engine, "select count(*) from events") == [(0,)]


def test_each_event_goes_to_its_month_to_the_microsecond(engine: Engine) -> None:
    turn = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    west = turn.astimezone(dt.timezone(dt.timedelta(hours=-8)))  # still October there
    sent = [
        event(0, at=turn - dt.timedelta(microseconds=1)), event(1, at=west),
        event(2, at=dt.datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=dt.UTC)),
        event(3, at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
        event(4, at=dt.datetime(2019, 12, 31, 23, tzinfo=dt.UTC)),
        event(5, at=dt.datetime(2019, 2, 1, tzinfo=dt.UTC)),
    ]  # fmt: skip
    assert set(insert_events(engine, sent, NOW)) == {"new"}
    found = dict(rows(engine, "select item_id, tableoid::regclass::text from events"))
    assert found == {
        "v0": "event_months.m2026_10", "v1": "event_months.m2026_11", "v2": "event_months.m2025_12",
        "v3": "event_months.m2026_01", "v4": "event_months.y2019", "v5": "event_months.y2019",
    }  # fmt: skip


def test_spans_follow_one_another_without_a_gap() -> None:
    span = span_of(dt.datetime(2018, 5, 1, tzinfo=dt.UTC))
    for _ in range(100):
        after = span_of(span.end)
        assert after.start == span.end
        assert span_of(span.end - dt.timedelta(microseconds=1)) == span
        span = after


def test_a_month_has_the_indexes_of_the_whole_and_can_be_dropped(engine: Engine) -> None:
    insert_events(engine, [event(0), event(1, at=NOW - dt.timedelta(days=40))], NOW)
    count = "select count(*) from pg_index where indrelid = '{}'::regclass"
    assert rows(engine, count.format("event_months.m2026_11")) == rows(engine, count.format("events"))
    with transaction(engine) as connection:
        connection.execute(text("drop table event_months.m2026_10"))
    assert rows(engine, "select item_id from events") == [("v0",)]
    assert insert_events(engine, [event(1, at=NOW - dt.timedelta(days=40))], NOW) == ["new"], "it is made anew"


def test_threads_that_need_the_same_new_months_make_each_once(engine: Engine, settings: Settings) -> None:
    moments = [NOW - dt.timedelta(days=30 * number) for number in range(8)]
    engines = [make_engine(settings) for _ in range(4)]
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda each: ensure_months(each, moments), engines))
    finally:
        for each in engines:
            each.dispose()
    assert months(engine) == sorted(f"event_months.{span_of(moment).name}" for moment in moments)


def send_overlapping(settings: Settings, worker: int) -> int:
    """Of 1,000 events, the 600 from the worker's own on, in an order of its own; how many were new."""
    engine = make_engine(settings)
    try:
        numbers = [(worker * 200 + number) % 1000 for number in range(600)]
        if worker % 2:
            numbers.reverse()
        new = 0
        for start in range(0, 600, 50):
            batch = [
                event(number, at=NOW - dt.timedelta(hours=number)) for number in numbers[start : start + 50]
            ]
            new += insert_events(engine, batch, NOW, settings=settings).count("new")
        return new
    finally:
        engine.dispose()


def test_processes_that_send_overlapping_batches_keep_each_event_once(
    engine: Engine, settings: Settings
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        new = list(pool.map(send_overlapping, [settings] * 4, range(4)))
    assert sum(new) == 1000
    assert rows(engine, "select count(*), count(distinct item_id) from events") == [(1000, 1000)]


def test_nothing_of_forgotten_people_is_taken_nor_who_followed_them(engine: Engine, settings: Settings) -> None:
    with transaction(engine) as connection:
        remember(connection, subject_hash(settings, "gone"), requested_by="ada", reason=None, at=NOW)
    sent = [
        event(0),
        event(1, user_id="gone"),
        event(2, item_id="gone", kind="follow"),
        event(3, item_id="gone"),  # a video that happens to have that id
    ]
    assert insert_events(engine, sent, NOW, settings=settings) == ["new", "forgotten", "forgotten", "new"]
    assert sorted(rows(engine, "select item_id from events")) == [("gone",), ("v0",)]


def test_a_history_has_the_newest_of_each_user_first(engine: Engine) -> None:
    sent = [event(number, at=NOW - dt.timedelta(days=20 * number)) for number in range(6)]
    sent += [event(9, user_id="ben", watch_share=0.25), event(8, user_id="zoe")]
    insert_events(engine, sent, NOW)
    found = history(engine, ["ann", "ben", "nobody", "ann"], limit=4)
    assert [each.item_id for each in found["ann"]] == ["v0", "v1", "v2", "v3"]
    assert found["ben"][0]._asdict() == {
        "item_id": "v9", "item_kind": "video", "kind": "view", "at": NOW - 9 * SECOND, "watch_share": 0.25,
    }  # fmt: skip
    assert set(found) == {"ann", "ben"}
    lately = history(engine, ["ann"], limit=4, since=NOW - dt.timedelta(days=20))
    assert [each.item_id for each in lately["ann"]] == ["v0", "v1"]
    assert history(engine, [], limit=4) == {}


def test_counts_of_items_say_how_often_and_by_how_many(engine: Engine) -> None:
    sent = [event(0, user_id=user, at=NOW - n * SECOND) for n, user in enumerate(["ann", "ann", "ben"])]
    sent += [event(0, kind="like"), event(1), event(0, user_id="old", at=NOW - dt.timedelta(days=3))]
    insert_events(engine, sent, NOW)
    found = item_counts(engine, ["v0", "v1", "v7"], NOW - dt.timedelta(days=1))
    assert found == {"v0": {"view": 3, "like": 1, "users": 2}, "v1": {"view": 1, "users": 1}}


def test_active_users_come_by_their_last_event(engine: Engine) -> None:
    sent = [event(5, user_id="ann"), event(1, user_id="ben"), event(3, user_id="ann"), event(2, user_id="zoe")]
    insert_events(engine, [*sent, event(0, user_id="old", at=NOW - dt.timedelta(days=9))], NOW)
    assert active_users(engine, NOW - dt.timedelta(days=1), 10) == ["ben", "zoe", "ann"]
    assert active_users(engine, NOW - dt.timedelta(days=1), 2) == ["ben", "zoe"]

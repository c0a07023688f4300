"""Dropping a month of events: it deletes no row, and nobody who writes waits for it."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from models.trending.windows import horizon
from storage.copying import cursor
from storage.database import transaction
from storage.event_months import SCHEMA, span_of
from storage.events import insert_events
from storage.retention_events import CHANGED, IN_USE, cutoff, drop_month, old_months, partitions
from tests.trending_world import NOW, event, known, send, sums, tick

OLD = datetime(2025, 3, 14, 15, tzinfo=UTC)
RECENT = datetime(2026, 3, 9, tzinfo=UTC)
#: Longer than this nobody is held up: what a writer's own lock timeout allows.
PATIENCE = "1500ms"


def write(engine: Engine, user: str, at: datetime = RECENT) -> list[str]:
    row = {"user_id": user, "item_id": "item", "kind": "like", "at": at, "received_at": at}
    return insert_events(engine, [row], NOW)


def is_there(engine: Engine, moment: datetime) -> bool:
    with transaction(engine) as connection:
        name = f"{SCHEMA}.{span_of(moment).name}"
        return connection.scalar(text("select to_regclass(:name)"), {"name": name}) is not None


def test_partitions_are_listed_with_what_is_in_them_and_the_days_it_came_in_on(engine: Engine) -> None:
    moments = [OLD, OLD + timedelta(hours=3), OLD + timedelta(days=3), datetime(2018, 5, 5, tzinfo=UTC), RECENT]
    for number, at in enumerate(moments):
        write(engine, f"user-{number}", at)

    assert [span.name for span in partitions(engine)] == ["y2018", "m2025_03", "m2026_03"]
    early, old = old_months(engine, cutoff(NOW, 3))
    assert (early.span.name, early.line.count) == ("y2018", 1)
    assert (old.line.what, old.line.count) == ("events.m2025_03", 3)
    assert (old.line.oldest, old.line.newest) == (OLD, OLD + timedelta(days=3))
    assert old.days == (OLD.date(), (OLD + timedelta(days=3)).date())
    assert (old.line.bytes or 0) > 8192


@pytest.mark.parametrize(
    ("at", "months", "first"),
    [
        (datetime(2026, 3, 10, tzinfo=UTC), 3, datetime(2025, 12, 1, tzinfo=UTC)),
        (datetime(2026, 3, 1, tzinfo=UTC), 14, datetime(2025, 1, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 12, datetime(2025, 12, 1, tzinfo=UTC)),
    ],
)
def test_so_many_whole_months_before_the_running_one_stay(at: datetime, months: int, first: datetime) -> None:
    assert cutoff(at, months) == first


def test_while_somebody_writes_the_month_stays_and_no_other_writer_is_held_up(engine: Engine) -> None:
    write(engine, "before", OLD)
    write(engine, "before")
    span = span_of(OLD)
    done = threading.Event()
    written: list[float] = []

    def others() -> None:
        number = 0
        while not done.is_set():
            began = time.monotonic()
            with transaction(engine) as connection:
                connection.execute(text(f"set local lock_timeout = '{PATIENCE}'"))
                connection.execute(
                    text(
                        "insert into events (id, at, received_at, user_id, item_id, item_kind, kind)"
                        " values (:id, :at, :at, 'other', 'item', 'video', 'like')"
                    ),
                    {"id": f"other-{number}", "at": RECENT},
                )
            written.append(time.monotonic() - began)
            number += 1

    with transaction(engine) as writer:
        writer.execute(
            text(
                "insert into events (id, at, received_at, user_id, item_id, item_kind, kind)"
                " values ('held', :at, :at, 'held', 'item', 'video', 'like')"
            ),
            {"at": RECENT},
        )
        thread = threading.Thread(target=others)
        thread.start()
        assert drop_month(engine, span, patience=7) == IN_USE  # without waiting, and then waiting for moments
        done.set()
        thread.join()
    assert is_there(engine, OLD)
    assert len(written) > 100  # each of them went through; one that is held too long raises

    assert drop_month(engine, span) is None
    assert drop_month(engine, span) is None  # and again changes nothing
    assert not is_there(engine, OLD)
    with transaction(engine) as connection:
        left = connection.execute(text("select user_id, count(*) from events group by 1 order by 1"))
        assert dict(iter(left)) == {"before": 1, "held": 1, "other": len(written)}  # type: ignore[arg-type]


def test_a_month_is_dropped_among_writers_who_never_stop_and_none_of_their_events_is_lost(
    engine: Engine,
) -> None:
    write(engine, "before", OLD)
    done = threading.Event()
    kept: list[str] = []

    def writer(name: str) -> None:
        number = 0
        while not done.is_set():
            assert write(engine, f"{name}-{number}") == ["new"]
            kept.append(name)
            number += 1

    threads = [threading.Thread(target=writer, args=(f"writer-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    try:
        assert drop_month(engine, span_of(OLD)) is None
    finally:
        done.set()
        for thread in threads:
            thread.join()
    with transaction(engine) as connection:
        assert connection.scalar(text("select count(*) from events")) == len(kept)


def test_a_month_that_got_an_event_since_it_was_looked_at_stays(engine: Engine) -> None:
    write(engine, "anna", OLD)
    (month,) = old_months(engine, cutoff(NOW, 3))
    write(engine, "late", OLD)

    assert drop_month(engine, month.span, newest=month.newest) == CHANGED
    assert is_there(engine, OLD)
    (month,) = old_months(engine, cutoff(NOW, 3))
    assert drop_month(engine, month.span, newest=month.newest) is None


def test_a_month_that_was_empty_when_it_was_looked_at_stays_once_it_has_an_event(engine: Engine) -> None:
    write(engine, "anna", OLD)
    with transaction(engine) as connection:
        connection.execute(text("delete from events"))
    (month,) = old_months(engine, cutoff(NOW, 3))
    assert (month.line.count, month.days) == (0, ())
    write(engine, "late", OLD)

    assert drop_month(engine, month.span, newest=month.newest) == CHANGED
    assert is_there(engine, OLD)


def test_an_event_of_a_dropped_month_that_comes_late_is_kept_anew(engine: Engine) -> None:
    write(engine, "anna", OLD)
    assert drop_month(engine, span_of(OLD)) is None

    assert write(engine, "late", OLD) == ["new"]
    with transaction(engine) as connection, cursor(connection) as cur:
        assert cur.execute("select user_id from events").fetchall() == [("late",)]


def test_what_trends_is_the_same_without_the_months_that_no_window_reaches(
    engine: Engine, settings: Settings
) -> None:
    rows = [row for user in "abcd" for row in known(user, "hit", 5)]
    send(engine, [*rows, *(event(user, "old", 24 * 100) for user in "abcd")])
    tick(engine, settings)
    before = sums(engine)
    first = cutoff(NOW, 3)
    assert first < horizon(NOW)

    for month in old_months(engine, first):
        assert drop_month(engine, month.span, newest=month.newest) is None
    tick(engine, settings, rebuild=True)

    assert not is_there(engine, NOW - timedelta(days=100))
    assert sums(engine) == before

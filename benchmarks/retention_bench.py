"""A month of events: its partition dropped, beside its rows deleted; and old predictions deleted in batches.

Both sides have the same rows on one PostgreSQL, a private cluster as `assay up` runs it. While each of them is
at work a writer adds an event of this month again and again: how long its slowest one took is what a service
would have felt. A DELETE leaves the room in the table; only a VACUUM makes it usable again, and is counted.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from benchmarks.database import bench_database
from benchmarks.serving_bench import row
from storage.database import transaction
from storage.event_months import SCHEMA, Span, ensure_months, span_of
from storage.retention_events import drop_month
from storage.retention_rows import delete_old, old_predictions

EVENTS, PREDICTIONS = 1_000_000, 100_000
DROPPED, DELETED = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 3, 1, tzinfo=UTC)
NOW = datetime(2026, 1, 15, tzinfo=UTC)

_FILL_EVENTS = """
    insert into events (id, at, received_at, user_id, item_id, item_kind, kind, watch_share)
    select 'event-' || n, :start + n * interval '1 second', :start + n * interval '1 second',
        'user-' || n % 50021, 'item-' || n % 9973, 'video', 'view', 0.5
    from generate_series(1, :rows) n
"""
FILL_PREDICTIONS = """
    insert into predictions (id, family, entity_id, at, inputs, answer, model_version, latency_ms, received_at)
    select gen_random_uuid(), 'viral', 'video-' || n, :start + n * interval '2 seconds',
        jsonb_build_object('views', n, 'likes', n % 977, 'title', repeat('word ', 8)),
        jsonb_build_object('class', 'low', 'probabilities', array[0.7, 0.2, 0.07, 0.03]), '1', 1.5,
        :start + n * interval '2 seconds'
    from generate_series(1, :rows) n
"""
_ADD = """
    insert into events (id, at, received_at, user_id, item_id, item_kind, kind)
    values (:id, :at, :at, 'writer', 'item', 'video', 'like')
"""


def run() -> list[dict[str, Any]]:
    with bench_database() as (engine, _, _):
        ensure_months(engine, [DROPPED, DELETED, NOW])
        for start in (DROPPED, DELETED):
            _fill(engine, _FILL_EVENTS, start, EVENTS)
        _fill(engine, FILL_PREDICTIONS, DROPPED, PREDICTIONS)
        with transaction(engine) as connection:
            size = _size(engine, span_of(DROPPED))
            connection.execute(text("analyze events, predictions"))
        mine, beside_mine = _timed(engine, lambda: _dropped(engine))
        theirs, beside_theirs = _timed(engine, lambda: _deleted(engine))
        left = _size(engine, span_of(DELETED))
        batches, beside_batches = _timed(engine, lambda: _predictions(engine))
    what = f"a month of {EVENTS:,} events"
    return [
        row(f"{what} is gone after", 1000 * mine, 1000 * theirs, "ms",
            "drop of the partition / DELETE and VACUUM", less_is_better=True),
        row(f"{what}: slowest write of others meanwhile", 1000 * beside_mine[-1], 1000 * beside_theirs[-1],
            "ms", "one event in a transaction, again and again", less_is_better=True),
        _alone(f"{what}: space that came back", size / 2**20, (size - left) / 2**20, "MB",
               "of the partition with its indexes; after DELETE and VACUUM the rest stays with the table"),
        _alone(f"old predictions deleted a second, of {PREDICTIONS:,}", PREDICTIONS / batches, None, "1/s",
               "batches of 5,000 with as much pause, then VACUUM"),
        _alone("old predictions: slowest write of others meanwhile", 1000 * beside_batches[-1], None, "ms", ""),
    ]  # fmt: skip


def _alone(figure: str, ours: float, other: float | None, unit: str, note: str) -> dict[str, Any]:
    return {"figure": figure, "ours": ours, "other": other, "ratio": None, "unit": unit, "note": note}


def _fill(engine: Engine, statement: str, start: datetime, rows: int) -> None:
    with transaction(engine) as connection:
        connection.execute(text(statement), {"start": start, "rows": rows})


def _size(engine: Engine, span: Span) -> int:
    query = text("select pg_total_relation_size(cast(:name as regclass))")
    with transaction(engine) as connection:
        return int(connection.execute(query, {"name": f"{SCHEMA}.{span.name}"}).scalar_one())


def _timed(engine: Engine, work: Callable[[], None]) -> tuple[float, list[float]]:
    """Seconds that ``work`` took, and sorted those of the writes of others meanwhile."""
    with _writer(engine) as writes:
        time.sleep(0.5)
        began, first = time.perf_counter(), len(writes)
        work()
        seconds = time.perf_counter() - began
        time.sleep(0.2)
        return seconds, sorted(writes[first:])


@contextmanager
def _writer(engine: Engine) -> Iterator[list[float]]:
    done, writes = threading.Event(), [0.0]

    def write() -> None:
        while not done.is_set():
            began = time.perf_counter()
            with transaction(engine) as connection:
                connection.execute(text(_ADD), {"id": str(uuid.uuid4()), "at": NOW})
            writes.append(time.perf_counter() - began)
            time.sleep(0.001)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield writes
    finally:
        done.set()
        thread.join()


def _dropped(engine: Engine) -> None:
    if drop_month(engine, span_of(DROPPED)) is not None:
        raise RuntimeError("the month could not be dropped")


def _deleted(engine: Engine) -> None:
    span = span_of(DELETED)
    with transaction(engine) as connection:
        values = {"start": span.start, "end": span.end}
        connection.execute(text("delete from events where at >= :start and at < :end"), values)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
            f"vacuum (analyze) {SCHEMA}.{span.name}"
        )


def _predictions(engine: Engine) -> None:
    deleted = delete_old(engine, old_predictions("viral", NOW)[0])
    if deleted != PREDICTIONS:
        raise RuntimeError(f"{deleted} predictions went, not {PREDICTIONS}")

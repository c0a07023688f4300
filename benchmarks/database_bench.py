"""Snapshots into PostgreSQL and back: our COPY paths against the ways in which a team would begin.

Runs on a private cluster of its own with fsync on, as in production.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import Engine, text
from sqlalchemy.dialects.postgresql import insert

from benchmarks.database import bench_database
from storage.bulk import load_snapshots
from storage.database import transaction
from storage.snapshot_schema import COUNTS, DESCRIPTION
from storage.sources.viral import read
from storage.tables import Base

LARGE, SMALL, DAYS = 1_000_000, 30_000, 10
START, END = datetime(2025, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
EMPTY = "truncate engagement_snapshots, videos, creators"


def run() -> list[dict[str, Any]]:
    with bench_database() as (engine, _, _):
        return [*compare_ways_in(engine), *load_and_read_a_million(engine)]


def snapshots(rows: int) -> pa.Table:
    """Snapshots of ``rows / DAYS`` videos on each of ``DAYS`` days, in random order, with long texts."""
    random = np.random.default_rng(7)
    video, day = np.divmod(random.permutation(rows), DAYS)
    taken = np.datetime64("2026-01-01", "us") + day.astype("timedelta64[D]")
    counts = {
        field.name: random.integers(0, 10**6, rows) for field in COUNTS if pa.types.is_integer(field.type)
    }
    return pa.table(
        {
            "video_id": [f"v{number:09d}" for number in video],
            "taken_at": pa.array(taken).cast(pa.timestamp("us", "UTC")),
            **counts,
            "creator_id": [f"c{number // 5:07d}" for number in video],
            "title": [f"A title of the usual length, number {number} #fyp #viral" for number in video],
            "description": [f"A description\nof {number}, in some words. " * 4 for number in video],
            "category": [str(number % 20) for number in video],
            "video_duration": 5 + 50 * random.random(rows),
            "has_music": random.random(rows) < 0.5,
        }
    )


def timed(engine: Engine, work: Callable[[], Any], *, empty: bool = True) -> float:
    """Seconds that ``work`` takes, on empty tables."""
    if empty:
        with transaction(engine) as connection:
            connection.execute(text(EMPTY))
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def compare_ways_in(engine: Engine) -> list[dict[str, Any]]:
    table = snapshots(SMALL)
    ours = SMALL / min(timed(engine, lambda: load_snapshots(engine, table)) for _ in range(2))
    rows = []
    for name, load in (
        ("multi-row INSERT ... ON CONFLICT (SQLAlchemy)", in_batches),
        ("executemany, pipelined", row_by_row),
    ):
        values = table.to_pylist()
        other = SMALL / min(timed(engine, partial(load, engine, values)) for _ in range(2))
        rows.append(
            figure(f"load {SMALL:,} snapshots, against {name}", ours, other, "rows/s", "higher is better")
        )
    return rows


def load_and_read_a_million(engine: Engine) -> list[dict[str, Any]]:
    table = snapshots(LARGE)
    first = timed(engine, lambda: load_snapshots(engine, table))
    again = timed(engine, lambda: load_snapshots(engine, table), empty=False)
    back = timed(engine, lambda: read(engine, START, END), empty=False)
    rows = timed(engine, lambda: read_as_rows(engine), empty=False)
    return [
        figure("load 1 M snapshots, new", first, 60.0, "s", "other: the limit that was asked for"),
        figure("load the same 1 M again (nothing changes)", again, None, "s", ""),
        figure("read 1 M snapshots as Arrow, against fetching rows", back, rows, "s", "lower is better"),
    ]


def figure(name: str, ours: float, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = None if other is None else ours / other if unit == "rows/s" else other / ours
    return {"figure": name, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}


def upserts(rows: list[dict[str, Any]]) -> list[tuple[Any, list[dict[str, Any]]]]:
    """The same work as plain upserts: (statement, its rows) a table."""
    tables = Base.metadata.tables
    creators = {row["creator_id"]: {"id": row["creator_id"], "first_seen_at": row["taken_at"]} for row in rows}
    described = [name for name in DESCRIPTION.names if name in rows[0]]
    videos = {
        row["video_id"]: {
            "id": row["video_id"], "first_seen_at": row["taken_at"], **{name: row[name] for name in described}
        }
        for row in rows
    }  # fmt: skip
    kept = ["video_id", "taken_at", *(name for name in COUNTS.names if name in rows[0])]
    counts = [{name: row[name] for name in kept} for row in rows]
    work = []
    for name, key, values in (
        ("creators", ["id"], list(creators.values())),
        ("videos", ["id"], list(videos.values())),
        ("engagement_snapshots", ["video_id", "taken_at"], counts),
    ):
        statement = insert(tables[name])
        change = {column: statement.excluded[column] for column in values[0] if column not in key}
        work.append((statement.on_conflict_do_update(index_elements=key, set_=change), values))
    return work


def in_batches(engine: Engine, rows: list[dict[str, Any]], size: int = 1000) -> None:
    with transaction(engine) as connection:
        for statement, values in upserts(rows):
            for start in range(0, len(values), size):
                connection.execute(statement.values(values[start : start + size]))


def row_by_row(engine: Engine, rows: list[dict[str, Any]]) -> None:
    with transaction(engine) as connection:
        for statement, values in upserts(rows):
            connection.execute(statement, values)


def read_as_rows(engine: Engine) -> pa.Table:
    query = text(
        "select s.*, v.* from engagement_snapshots s join videos v on v.id = s.video_id "
        "order by s.video_id, s.taken_at"
    )
    with transaction(engine) as connection:
        return pa.Table.from_pylist([dict(row) for row in connection.execute(query).mappings()])

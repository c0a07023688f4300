"""Trending: a tick against the same figures out of all events each time, and directions on real trends."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from psycopg.sql import SQL
from sqlalchemy import Engine, text

from benchmarks.database import bench_database
from benchmarks.trending_data import END, Month, load, prepare
from benchmarks.trending_real import real_rows
from config.settings import Settings
from models.trending.windows import covers, horizon
from storage.copying import cursor
from storage.database import transaction
from storage.trending_sql import CONTRIBUTIONS, engagement
from tasks.trending import refresh

EVENTS, TICKS = 10_000_000, 8
QUARTER = 0.25

#: The same figures in one statement over ``events``, as one would write it without keeping anything.
NAIVE = """
    with contributions as materialized ({contributions}),
    accounts as (
        select user_id, case when count(distinct item_id) < 3 then 0 when min(day) < max(day) then 2 else 1 end
            as level
        from contributions group by user_id
    ),
    overactive as (select user_id, day from contributions group by user_id, day having count(*) > 2000),
    weighed as (
        select date_bin('15 minutes', at, '2000-01-01 00:00+00') as bucket, item_id, item_kind, region, value,
            level
        from contributions c join accounts using (user_id)
        where not exists (select from overactive o where o.user_id = c.user_id and o.day = c.day)
    ),
    windows (hours, before, start, until) as (
        select * from unnest(%(hours)s::int[], %(before)s::timestamptz[], %(start)s::timestamptz[],
            %(end)s::timestamptz[])
    )
    select hours, item_id, item_kind, region, count(*) filter (where bucket >= start and level > 0),
        count(*) filter (where bucket >= start and level = 0),
        sum(value * level * 2) filter (where bucket >= start),
        sum(value) filter (where bucket >= start and level = 0),
        count(*) filter (where bucket < start and level > 0)
    from weighed join windows on bucket >= before and bucket < until
    group by grouping sets ((hours, item_id, item_kind, region), (hours, item_id, item_kind))
"""

_NAIVE_TABLE = """
    create temporary table naive (hours int, item_id text, item_kind text, region text, known int, fresh int,
        weight bigint, fresh_weight bigint, known_before int) on commit drop
"""


def run() -> list[dict[str, Any]]:
    """All figures; some minutes."""
    return [*speed(EVENTS), *real_rows()]


def speed(events: int) -> list[dict[str, Any]]:
    """Load a month, make the sums of it, and then quarters of an hour."""
    month = Month(events)
    with bench_database() as (engine, settings, _):
        prepare(engine)
        first = month.before(QUARTER * TICKS)
        load(engine, month, 0, first)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("vacuum (analyze) events"))
            connection.execute(text("analyze items"))
        whole = refresh(engine, settings, END - timedelta(hours=QUARTER * TICKS))
        ticks, done = [], first
        for number in range(TICKS, 0, -1):
            until = month.before(QUARTER * (number - 1))
            load(engine, month, done, until)
            done = until
            if number == 1:
                _forget_lists(engine)
            moment = END - timedelta(hours=QUARTER * (number - 1))
            began = time.perf_counter()
            ticks.append((refresh(engine, settings, moment), time.perf_counter() - began))
        naive = _timed(lambda: _naive(engine, settings))
        sizes = _sizes(engine)
    *usual, (_, every_list) = ticks
    seconds = [each for _, each in usual]
    new = statistics.mean(figures["counted"]["events"] for figures, _ in usual)
    counting = statistics.median(figures["seconds"]["counting"] for figures, _ in usual)
    rebuild = sum(whole["seconds"].values())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
    how = "other: the sums of all windows in one statement over all events"
    return [
        _row(
            "a tick, median, lists published",
            statistics.median(seconds),
            naive,
            "s",
            f"{done:,} events of 30 days, {new:,.0f} new in each of {len(usual)} quarters of an hour; {how}",
        ),
        _row("the slowest tick of them", max(seconds), naive, "s", how),
        _row("a tick that makes the lists of all windows", every_list, naive, "s", how),
        _row("a tick, the sums alone, as the other side has them", counting, naive, "s", how),
        _row("all sums and lists made anew", rebuild, naive, "s", "at first, and after a restore"),
        _row("size of the sums", sizes["sums"], sizes["events"], "MB", "other: the events, with two indexes"),
        _row("memory of the process", memory, None, "MB", "peak, the making of the events included"),
    ]


def _forget_lists(engine: Engine) -> None:
    with transaction(engine) as connection:
        connection.execute(text("delete from trend_lists"))


def _row(name: str, ours: float, other: float | None, unit: str, note: str) -> dict[str, Any]:
    ratio = None if other is None else other / ours
    return {"figure": name, "ours": ours, "other": other, "ratio": ratio, "unit": unit, "note": note}


def _naive(engine: Engine, settings: Settings) -> None:
    query = SQL(CONTRIBUTIONS).format(engagement=engagement(settings.recommendation_weights))
    found = covers(END)
    values = {
        "low": 0, "high": 1 << 62, "horizon": horizon(END), "hours": [each.hours for each in found],
        "before": [each.before for each in found], "start": [each.start for each in found],
        "end": [each.end for each in found],
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set local jit = off")
        cur.execute("set local work_mem = '256MB'")
        cur.execute(_NAIVE_TABLE)
        cur.execute(SQL("insert into naive " + NAIVE).format(contributions=query), values)


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _sizes(engine: Engine) -> dict[str, float]:
    sums = """
        select sum(pg_total_relation_size(relid)) / 1e6 from pg_stat_user_tables where relname like 'trend%'
    """
    events = "select sum(pg_total_relation_size(relid)) / 1e6 from pg_partition_tree('events')"
    with transaction(engine) as connection:
        return {
            name: float(connection.execute(text(query)).scalar_one() or 0)
            for name, query in (("sums", sums), ("events", events))
        }

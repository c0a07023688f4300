"""Old months of events: what is in them, and their dropping, which deletes no row and waits for nobody.

``drop table`` of a partition takes milliseconds and the strongest lock on ``events``. A lock that is waited for
makes everybody wait who comes after. So it is first asked for without waiting, again and again; only then is it
waited for, for moments, with pauses in which the others go on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Engine, text

from config.errors import DatabaseError
from storage.copying import cursor
from storage.database import transaction
from storage.event_months import SCHEMA, Span, span_of
from storage.retention import EVENTS, Line, month_of

_NAME = re.compile(r"y(\d{4})|m(\d{4})_(\d{2})")
#: So often the lock is asked for without waiting; then it is waited for, longer and longer, up to so long.
EAGER, EAGER_PAUSE_SECONDS = 100, 0.05
WAITS_SECONDS = (0.05, 0.1, 0.2, 0.5, 1.0)
#: The others have the table for so many times as long as they were held up.
RESPITE = 10
#: So long is tried for a month in all; the next run tries again.
PATIENCE_SECONDS = 120.0
IN_USE, CHANGED = "was in use all the time", "has got more events since"

_THERE = text(
    """
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events'::regclass and c.relnamespace = cast(:schema as regnamespace) order by c.relname
    """
)
#: The days on which events of a partition came in, one look-up each.
_DAYS = """
    with recursive days (day) as (
        (select (received_at at time zone 'UTC')::date from {0} order by received_at limit 1)
        union all
        select (
            select (received_at at time zone 'UTC')::date from {0}
            where received_at >= (day + 1)::timestamp at time zone 'UTC' order by received_at limit 1
        ) from days where day is not null
    )
    select day from days where day is not null
"""


@dataclass(frozen=True)
class Month:
    """A partition that is old enough: its span, its line of the plan, the days its events came in on, and the
    transaction that wrote the newest of them (0: it has none).
    """

    span: Span
    line: Line
    days: tuple[date, ...]
    newest: int


def cutoff(at: datetime, months: int) -> datetime:
    """The beginning of the month so many months before that of ``at``: what ends there or before may go."""
    number = at.year * 12 + at.month - 1 - months
    return at.replace(
        year=number // 12, month=number % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )


def partitions(engine: Engine) -> list[Span]:
    """All partitions of ``events``, the oldest first."""
    with transaction(engine) as connection:
        names = list(connection.scalars(_THERE, {"schema": SCHEMA}))
    spans = [span for name in names if (span := _span(name)) is not None]
    return sorted(spans, key=lambda span: span.start)


def old_months(engine: Engine, before: datetime) -> list[Month]:
    """The partitions that end at ``before`` or earlier, with what is in them."""
    return [_month(engine, span) for span in partitions(engine) if span.end <= before]


def drop_month(
    engine: Engine,
    span: Span,
    *,
    newest: int | None = None,
    patience: float = PATIENCE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """Drop a partition; None where it is gone, also when it was not there, or else why it is still there.

    Args:
        engine: the platform's database.
        span: which partition.
        newest: the transaction of its newest event, as :class:`Month` has it: where another one came in since,
            the partition stays, as it may not be collected.
        patience: so many seconds it is tried.
        sleep: for between two attempts.

    Raises:
        DatabaseUnavailable: the server went away.
    """
    began = time.monotonic()
    for wait in _waits():
        outcome = _drop(engine, span, wait, newest)
        if outcome != IN_USE:
            return outcome
        if time.monotonic() - began > patience:
            return IN_USE
        sleep(RESPITE * wait or EAGER_PAUSE_SECONDS)
    return IN_USE


def _waits() -> Iterable[float]:
    """How long each attempt waits for the lock, in seconds; 0: not at all."""
    yield from [0.0] * EAGER
    yield from WAITS_SECONDS[:-1]
    while True:
        yield WAITS_SECONDS[-1]


def _drop(engine: Engine, span: Span, wait: float, newest: int | None) -> str | None:
    held = max(1, round(1000 * (wait or WAITS_SECONDS[0])))
    table = Identifier(SCHEMA, span.name)
    lock = SQL("lock table only events in access exclusive mode{}").format(SQL("" if wait else " nowait"))
    try:
        with transaction(engine) as connection, cursor(connection) as cur:
            cur.execute(SQL("set local lock_timeout = {}").format(Literal(f"{held}ms")))
            cur.execute(lock)
            if newest is not None and _newest(cur, span) > newest:
                return CHANGED
            cur.execute(SQL("drop table if exists {}").format(table))
    except DatabaseError as error:
        if "lock timeout" in error.message or "could not obtain lock" in error.message:
            return IN_USE
        raise
    return None


def _newest(cur: Cursor[Any], span: Span) -> int:
    """The transaction that wrote its newest event; 0 where there is none, or no partition."""
    there = cur.execute("select to_regclass(%s)", (f"{SCHEMA}.{span.name}",)).fetchone()
    if there is None or there[0] is None:
        return 0
    found = cur.execute(SQL("select max(tx) from {}").format(Identifier(SCHEMA, span.name))).fetchone()
    return (found[0] or 0) if found else 0


def _span(name: str) -> Span | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    year, month = int(found[1] or found[2]), int(found[3] or 1)
    span = span_of(datetime.fromisoformat(f"{year:04d}-{month:02d}-01T00:00:00+00:00"))
    return span if span.name == name else None


def _month(engine: Engine, span: Span) -> Month:
    table = Identifier(SCHEMA, span.name)
    with transaction(engine) as connection, cursor(connection) as cur:
        counted = cur.execute(SQL("select count(*), min(at), max(at) from {}").format(table)).fetchone()
        size = cur.execute("select pg_total_relation_size(%s::regclass)", (f"{SCHEMA}.{span.name}",)).fetchone()
        newest = _newest(cur, span)  # before the days are looked at: what comes in between is noticed
        days = cur.execute(SQL(_DAYS).format(table)).fetchall()
    count, low, high = counted or (0, None, None)
    line = Line(
        EVENTS, f"events.{span.name}", month_of(span.start), count, "rows", size[0] if size else None, low, high
    )
    return Month(span, line, tuple(day for (day,) in days), newest)

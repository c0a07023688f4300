"""The partitions of ``events``: one a month of ``at``, made when the first event of the month comes.

To be rid of a month is then to drop a table, not to delete its rows. Events before ``FIRST_MONTH``, which only
imports bring, share a partition a year: each partition costs a question without a time an index look-up more.
The partitions live in a schema of their own, so that nobody takes them for tables that the code declares; they
inherit the indexes of ``events``.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from weakref import WeakKeyDictionary

from psycopg.sql import SQL, Identifier, Literal
from sqlalchemy import Connection, Engine, text

from storage.copying import cursor
from storage.database import lock_key, transaction

SCHEMA = "event_months"
FIRST_MONTH = datetime(2020, 1, 1, tzinfo=UTC)

_THERE = text("select relname from pg_class where relnamespace = cast(:schema as regnamespace)")
_LOCK = text("select pg_advisory_xact_lock(:key)")
#: What is there stays known, so that a batch asks for nothing.
_known: WeakKeyDictionary[Engine, set[Span]] = WeakKeyDictionary()


class Span(NamedTuple):
    """A partition: its name, and the half-open span of ``at`` that it holds."""

    name: str
    start: datetime
    end: datetime


def span_of(moment: datetime) -> Span:
    """The partition that an event of ``moment`` (with time zone) goes to."""
    at = moment.astimezone(UTC)
    start = datetime(at.year, 1, 1, tzinfo=UTC)
    if at < FIRST_MONTH:
        return Span(f"y{at:%Y}", start, datetime(at.year + 1, 1, 1, tzinfo=UTC))
    start = start.replace(month=at.month)
    end = start.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
    return Span(f"m{at:%Y_%m}", start, end)


def ensure_months(engine: Engine, moments: Iterable[datetime], *, look: bool = False) -> None:
    """Make the partitions that events of ``moments`` need, in a transaction of their own.

    Any number of processes may do so at once. What this process has seen is not looked for again, unless
    ``look`` is set: one may have been dropped.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    known = _known.setdefault(engine, set())
    wanted = {span_of(moment) for moment in moments} - (set() if look else known)
    if wanted:
        with transaction(engine) as connection:
            make_months(connection, wanted)
        known |= wanted


def make_months(connection: Connection, spans: Iterable[Span]) -> None:
    """Make the partitions of ``spans`` that are not there, as part of a transaction.

    A partition is attached, not created in place: that waits for no one who writes or reads events.
    """
    wanted = _absent(connection, set(spans))
    if not wanted:
        return
    connection.execute(_LOCK, {"key": lock_key(SCHEMA)})
    with cursor(connection) as cur:
        for span in sorted(_absent(connection, wanted)):
            table = Identifier(SCHEMA, span.name)
            cur.execute(
                SQL(
                    "create table {} (like events including defaults including constraints including indexes)"
                ).format(table)
            )
            attach = SQL("alter table events attach partition {} for values from ({}) to ({})")
            cur.execute(attach.format(table, Literal(span.start), Literal(span.end)))


def _absent(connection: Connection, spans: set[Span]) -> set[Span]:
    there = set(connection.scalars(_THERE, {"schema": SCHEMA}))
    return {span for span in spans if span.name not in there}

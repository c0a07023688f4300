"""Old rows of tables: how many there are by month, and their deletion in batches.

A batch is a transaction of its own and finds by an index what is left, so that a run that was killed is
completed by the next one, and nobody waits long for a lock. Deleted rows leave room that the table uses again;
it does not become smaller.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, LiteralString

from psycopg.sql import SQL, Composed, Identifier, Literal
from sqlalchemy import Engine

from config.errors import DatabaseError
from storage.copying import cursor
from storage.database import database_errors, transaction
from storage.retention import DECISIONS, DELIVERIES, PREDICTIONS, SESSIONS, Line

#: Rows of one transaction: some 50 ms of work.
BATCH = 5000
#: Between two batches the others have the database for as long as the batch took, but no longer than this.
MOST_PAUSE_SECONDS = 0.5
#: From so many deleted rows on, the table is made ready for use again at once.
MANY_ROWS = 10_000
LOCK_SECONDS = 2


@dataclass(frozen=True)
class OldRows:
    """Rows of a table that may go.

    Attributes:
        kind, what: as a :class:`storage.retention.Line` has them.
        table: whose rows, with ``key``, by which one is deleted, and ``at``, the column with their time.
        where: which of them; values are named as in ``%(before)s``.
        ordered: whether an index gives them by ``at``: then the oldest go first.
        along: tables with rows of the same ``id``, which go in the same transaction.
    """

    kind: str
    what: str
    table: LiteralString
    at: LiteralString
    where: LiteralString
    values: Mapping[str, Any] = field(default_factory=dict)
    key: LiteralString = "id"
    ordered: bool = True
    along: tuple[LiteralString, ...] = ()


#: What belongs to a prediction and is of no use without it; every family may have a shadow's answers.
_OF_PREDICTIONS: Mapping[str, tuple[LiteralString, ...]] = {
    "ctr": ("ctr_predictions", "shadow_answers"),
    "face": ("user_styles", "shadow_answers"),
}


_OF_FAMILY: LiteralString = "family = %(family)s and at < %(before)s"


def old_predictions(family: str, before: datetime) -> OldRows:
    """Predictions of a family with what belongs to them."""
    along = _OF_PREDICTIONS.get(family, ("shadow_answers",))
    values = {"family": family, "before": before}
    return OldRows(
        PREDICTIONS, f"predictions of {family}", "predictions", "at", _OF_FAMILY, values, along=along
    )


def old_unseen(family: str, before: datetime) -> OldRows:
    """Answers of trials without a prediction that they belong to: nothing collects these, or waits for them."""
    alone: LiteralString = " and not exists (select from predictions p where p.id = shadow_answers.id)"
    return OldRows(
        PREDICTIONS, f"shadow_answers of {family} alone", "shadow_answers", "at", _OF_FAMILY + alone,
        {"family": family, "before": before},
    )  # fmt: skip


def old_decisions(engine: Engine, before: datetime) -> list[OldRows]:
    """Decisions of experiments that were concluded before that; the counts of their variants stay."""
    query = "select id from experiments where state = 'concluded' and concluded_at < %s order by id"
    with transaction(engine) as connection, cursor(connection) as cur:
        concluded = [name for (name,) in cur.execute(query, (before,))]
    return [
        OldRows(DECISIONS, f"decisions of experiment {name}", "experiment_decisions", "at",
                "experiment_id = %(experiment)s", {"experiment": name})
        for name in concluded
    ]  # fmt: skip


def old_deliveries(before: datetime) -> OldRows:
    """Webhook deliveries that were answered or given up, and made before that."""
    return OldRows(
        DELIVERIES, "ended webhook deliveries", "webhook_deliveries", "created_at",
        "next_at is null and created_at < %(before)s and coalesce(delivered_at, created_at) < %(before)s",
        {"before": before}, ordered=False,
    )  # fmt: skip


def ended_sessions(before: datetime, memory: timedelta) -> list[OldRows]:
    """Sessions that have expired, and failed logins that no longer count (after ``memory``)."""
    return [
        OldRows(SESSIONS, "ended sessions of admins", "admin_sessions", "expires_at",
                "expires_at < %(before)s", {"before": before}, key="token_hash"),
        OldRows(SESSIONS, "failed logins", "login_attempts", "at", "at < %(before)s",
                {"before": before - memory}),
    ]  # fmt: skip


def count_old(engine: Engine, old: OldRows) -> list[Line]:
    """A line a month of what may go, and one for each table that goes along; bytes without indexes."""
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(_counting(old), dict(old.values)).fetchall()
        lines = [
            Line(old.kind, old.what, month, count, "rows", size, low, high)
            for month, count, size, low, high in found
        ]
        for table in old.along if lines else ():
            count, size = cur.execute(_counting_along(old, table), dict(old.values)).fetchone() or (0, 0)
            if count:
                lines.append(Line(old.kind, f"{table} of {old.what}", lines[-1].month, count, "rows", size))
    return lines


def _counting(old: OldRows) -> Composed:
    return SQL(
        """
        select to_char({at} at time zone 'UTC', 'YYYY-MM') as month, count(*),
            sum(pg_column_size({table}.*))::bigint, min({at}), max({at})
        from {table} where {where} group by month order by month
        """
    ).format(at=Identifier(old.at), table=Identifier(old.table), where=SQL(old.where))


def _counting_along(old: OldRows, table: LiteralString) -> Composed:
    return SQL(
        """
        select count(*), sum(pg_column_size(other.*))::bigint from {other} other
        where other.id in (select {key} from {table} where {where})
        """
    ).format(
        other=Identifier(table), key=Identifier(old.key), table=Identifier(old.table), where=SQL(old.where)
    )


def delete_old(engine: Engine, old: OldRows, told: Callable[[int], None] = lambda _: None) -> int:
    """Delete them, batch by batch; how many rows went, with those that go along. Rows that somebody holds are
    left for the next run.

    Raises:
        DatabaseUnavailable: the server went away; what is done stays done.
    """
    deleted = main = 0
    for counts, seconds in _batches(engine, old):
        main += counts[0]
        deleted += sum(counts)
        told(deleted)
        time.sleep(min(seconds, MOST_PAUSE_SECONDS))
    if main >= MANY_ROWS:
        for table in (old.table, *old.along):
            tidy(engine, table)
    return deleted


def _batches(engine: Engine, old: OldRows) -> Iterator[tuple[tuple[int, ...], float]]:
    statement = _deleting(old)
    while True:
        began = time.monotonic()
        with transaction(engine) as connection, cursor(connection) as cur:
            cur.execute(SQL("set local lock_timeout = {}").format(Literal(f"{LOCK_SECONDS}s")))
            counts = cur.execute(statement, {**old.values, "batch": BATCH}).fetchone() or (0,)
        if not counts[0]:
            return
        yield counts, time.monotonic() - began


def _deleting(old: OldRows) -> Composed:
    """A batch; the oldest rows first where an index has them so."""
    doomed = SQL("select {} as key from {} where {} {} limit %(batch)s for update skip locked").format(
        Identifier(old.key),
        Identifier(old.table),
        SQL(old.where),
        SQL("order by {}").format(Identifier(old.at)) if old.ordered else SQL(""),
    )
    tables = [(old.table, old.key), *((table, "id") for table in old.along)]
    parts = [
        SQL("{} as (delete from {} t using doomed where t.{} = doomed.key returning 1)").format(
            Identifier(f"gone_{number}"), Identifier(table), Identifier(key)
        )
        for number, (table, key) in enumerate(tables)
    ]
    counts = [SQL("(select count(*) from {})").format(Identifier(f"gone_{n}")) for n in range(len(tables))]
    return SQL("with doomed as ({}), {} select {}").format(
        doomed, SQL(", ").join(parts), SQL(", ").join(counts)
    )


def tidy(engine: Engine, table: str) -> None:
    """Make the room of deleted rows usable, and the statistics true; left to the server where it is busy."""
    try:
        with database_errors(engine), engine.connect() as connection:
            connection = connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.exec_driver_sql(f"set lock_timeout = '{LOCK_SECONDS}s'")
            try:
                connection.exec_driver_sql(f"vacuum (analyze) {table}")
            finally:
                connection.exec_driver_sql("reset lock_timeout")
    except DatabaseError as error:
        if "lock timeout" not in error.message:
            raise

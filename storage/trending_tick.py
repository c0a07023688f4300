"""One tick of trending: new events and the time that passed into the sums, and the lists that follow.

All of a tick is one transaction under one lock: of two ticks the second one waits, and finds little to do; one
that is killed leaves everything as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import pyarrow as pa
from psycopg import Cursor
from psycopg.sql import SQL, Literal
from sqlalchemy import Connection, Engine

from storage import trending_anew as anew
from storage import trending_sql as sql
from storage.copying import copy_in, copy_out, cursor
from storage.database import lock_names, transaction

#: Changed when the statements are, so that sums of another kind are made anew.
RULES = 1
#: With more new contributions than this, making all anew is the shorter way.
MOST_NEW = 1_000_000

COUNTS_SCHEMA = pa.schema(
    [
        ("hours", pa.int64()), ("region", pa.string()), ("item_kind", pa.string()), ("item_id", pa.string()),
        ("category", pa.string()), ("language", pa.string()), ("known", pa.int64()), ("fresh", pa.int64()),
        ("weight", pa.int64()), ("fresh_weight", pa.int64()), ("known_before", pa.int64()),
    ]
)  # fmt: skip
_STATE = "select tx, system, rules, as_of from trend_state"
_HERE = """
    select pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
        (select system_identifier from pg_control_system())::text
"""
_KEEP_STATE = """
    insert into trend_state (id, tx, system, rules, as_of, rebuilt_at)
    values (1, %(tx)s, %(system)s, %(rules)s, %(as_of)s, %(as_of)s)
    on conflict (id) do update set tx = excluded.tx, system = excluded.system, rules = excluded.rules,
        as_of = excluded.as_of,
        rebuilt_at = case when %(rebuilt)s then excluded.as_of else trend_state.rebuilt_at end
"""


class Cover(NamedTuple):
    """A window holds the buckets of [start, end), and as the one before it those of [before, start)."""

    hours: int
    before: datetime
    start: datetime
    end: datetime


class Move(NamedTuple):
    """Buckets of [low, high) that a window gains (1) or loses (-1), ``now`` and in the one ``before``."""

    hours: int
    low: datetime
    high: datetime
    now: int
    before: int


@dataclass(frozen=True)
class Plan:
    """What a tick is to do.

    Attributes:
        as_of: its moment.
        horizon: the midnight from which on events count.
        covers: what each window covers at ``as_of``.
        moves: what enters and leaves the windows since the sums' last moment.
    """

    as_of: datetime
    horizon: datetime
    covers: Sequence[Cover]
    moves: Sequence[Move]


@dataclass(frozen=True)
class Counted:
    """What came of counting.

    Attributes:
        rebuilt: all was made anew, so that the figures are of all events that windows reach.
        events: that were read,
        too_old: of those before the horizon,
        worthless: of those of a kind that says no good of the item,
        contributions: accounts' engagements with an item on a day that were new, or stronger than before.
        recounted: older ones that count otherwise now, as their account became known, or a window let go of
            what it was known by.
        overactive: days of accounts, in all, that are left out as busier than a person can be.
    """

    rebuilt: bool
    events: int
    too_old: int
    worthless: int
    contributions: int
    recounted: int
    overactive: int

    @property
    def repeated(self) -> int:
        """Events that add nothing: the account has done as much with the item that day."""
        return self.events - self.too_old - self.worthless - self.contributions


class TrendingTick:
    """A tick in the making; see :func:`trending_tick`."""

    def __init__(self, cur: Cursor[Any], weights: Mapping[str, float], daily_items: int) -> None:
        self._cursor = cur
        self._weights = dict(weights)
        self._daily_items = daily_items
        self._rules = json.dumps([RULES, sorted(self._weights.items()), daily_items])
        state = cur.execute(_STATE).fetchone()
        here: tuple[int, str] = cur.execute(_HERE).fetchone() or (0, "")
        self._tx, self._system = here
        self._since = 0
        #: The moment that the sums stand at, or None: they must be made anew.
        self.was: datetime | None = None
        #: The moment of the last tick, also where its sums are of no use.
        self.last: datetime | None = state[3] if state else None
        if state and state[1:3] == (self._system, self._rules) and state[0] <= self._tx:
            self._since, self.was = state[0], state[3]

    def count(self, plan: Plan) -> Counted:
        """Bring the sums to ``plan.as_of``; ``plan.moves`` are those since :attr:`was`, which lies before it.

        Raises:
            TooMuchNew: it is quicker to make them anew; nothing is changed yet.
        """
        run = self._cursor.execute
        run(sql.STAGE)
        seen = self._stage(self._since, plan.horizon)
        if self._count("trend_new") > MOST_NEW:
            run(sql.UNSTAGE)
            raise TooMuchNew
        horizon = {"horizon": plan.horizon}
        self._shift(plan.moves)
        self._prune(horizon)
        run(sql.REPLACED)
        added = run(sql.ADDED).rowcount
        run(sql.TOUCHED)
        run("analyze trend_touched")
        run(sql.LEVELS)
        for statement in sql.LEVELS_KEPT:
            run(statement)
        run("analyze trend_levels")
        run(sql.OVERACTIVE, {"daily_items": self._daily_items})
        run(sql.MOVED)
        run("analyze trend_moves")
        run(sql.MOVED_OUT)
        run(sql.MOVED_IN)
        run(sql.MOVED_KEPT)
        run("analyze trend_changes")
        for statement in sql.BUCKETS:
            run(statement)
        for cover in plan.covers:
            run(sql.WINDOW_CHANGES, cover._asdict())
        self._settle(plan, rebuilt=False)
        recounted = self._count("trend_moves where was >= 0")
        return Counted(False, *seen, added, recounted, self._count("trend_overactive"))

    def rebuild(self, plan: Plan) -> Counted:
        """Make the sums anew of all events; ``plan.moves`` are those since None."""
        run = self._cursor.execute
        run("set local work_mem = '256MB'")
        run(sql.STAGE)
        for statement in anew.EMPTY:
            run(statement)
        seen = self._stage(0, plan.horizon)
        run(anew.ACCOUNTS)
        run(anew.OVERACTIVE, {"daily_items": self._daily_items})
        run("analyze trend_accounts")
        run("analyze trend_overactive")
        added = run(anew.CONTRIBUTIONS).rowcount
        run("analyze trend_contributions")
        run(anew.BUCKETS)
        run("analyze trend_buckets")
        self._shift(plan.moves)
        self._settle(plan, rebuilt=True)
        run("analyze trend_windows")
        return Counted(True, *seen, added, 0, self._count("trend_overactive"))

    def due(self, hours: Sequence[int]) -> list[int]:
        """Of these windows those whose lists are to be made: a hundredth of what they were made of has changed.

        Ranking costs what there is in a window, a tick only what is new: so both follow what is new.
        """
        return sorted(found for (found,) in self._cursor.execute(sql.DUE, {"hours": list(hours)}))

    def counts(self, hours: Sequence[int], min_accounts: int, min_judged: int) -> pa.Table:
        """Rows of ``COUNTS_SCHEMA``, one an item, window and region, without removed items.

        Args:
            hours: the windows.
            min_accounts: rows of fewer accounts now,
            min_judged: and of fewer known accounts now and before, are left out.
        """
        query = sql.COUNTS.format(
            hours=Literal(list(hours)), min_accounts=Literal(min_accounts), min_judged=Literal(min_judged)
        )
        return copy_out(self._cursor, query, COUNTS_SCHEMA)

    def totals(self, hours: Sequence[int]) -> dict[tuple[int, str], tuple[int, int]]:
        """(hours, region) -> known accounts over all items, now and before."""
        rows = self._cursor.execute(sql.TOTALS, {"hours": list(hours)}).fetchall()
        return {(each, region): (int(now), int(before)) for each, region, now, before in rows}

    def publish(self, hours: Sequence[int], rows: pa.Table, as_of: datetime) -> None:
        """Put the lists of these windows in place of the last ones; the columns are those of ``trends``."""
        self._cursor.execute("delete from trends where hours = any(%s)", (list(hours),))
        copy_in(self._cursor, "trends", rows)
        self._cursor.execute(sql.LISTED, {"hours": list(hours), "as_of": as_of})

    def _stage(self, since: int, horizon: datetime) -> tuple[int, int, int]:
        """Stage what is new; how many events that were, how many of them too old, and worth nothing."""
        engagement = sql.engagement(self._weights)
        query = SQL(sql.CONTRIBUTIONS).format(engagement=engagement)
        values = {"low": since, "high": self._tx, "horizon": horizon}
        self._cursor.execute(SQL(sql.NEW).format(contributions=query), values)
        self._cursor.execute("analyze trend_new")
        found = self._cursor.execute(SQL(sql.SEEN).format(engagement=engagement), values).fetchone()
        return found or (0, 0, 0)

    def _shift(self, moves: Sequence[Move]) -> None:
        for move in moves:
            self._cursor.execute(sql.WINDOW_MOVE, move._asdict())

    def _prune(self, horizon: Mapping[str, datetime]) -> None:
        """Let go what no window reaches any more."""
        self._cursor.execute(sql.PRUNED, horizon)
        for statement in sql.PRUNED_REST:
            self._cursor.execute(statement, horizon)

    def _settle(self, plan: Plan, *, rebuilt: bool) -> None:
        self._cursor.execute("analyze trend_window_changes")
        for statement in (*sql.WINDOWS, sql.CHANGED):
            self._cursor.execute(statement)
        values = {
            "tx": self._tx, "system": self._system, "rules": self._rules, "as_of": plan.as_of,
            "rebuilt": rebuilt,
        }  # fmt: skip
        self._cursor.execute(_KEEP_STATE, values)

    def _count(self, table: Any) -> int:
        found = self._cursor.execute(SQL("select count(*) from {}").format(SQL(table))).fetchone()
        return int(found[0]) if found else 0


class TooMuchNew(Exception):
    """So much is new that making all anew is the shorter way."""


@contextmanager
def trending_tick(engine: Engine, weights: Mapping[str, float], daily_items: int) -> Iterator[TrendingTick]:
    """A tick in one transaction, after all other ticks; nothing stays if the block raises.

    Args:
        engine: the platform's database.
        weights: of each kind of event; those of 0 and less count nothing.
        daily_items: an account that engaged with more items on a day counts nothing that day.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    with transaction(engine) as connection:
        lock_ticks(connection)
        with cursor(connection) as cur:
            cur.execute("set local jit = off")
            cur.execute("set local work_mem = '64MB'")
            yield TrendingTick(cur, weights, daily_items)


def lock_ticks(connection: Connection) -> None:
    """Wait until no tick runs, and let none begin until the transaction ends."""
    lock_names(connection, "trending", ["tick"])

"""Interactions of users with items: kept once each, and asked for by user and by item."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import DatabaseError, InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.erasure import erased_while_adding
from storage.event_months import ensure_months
from storage.recommendation_tables import EVENT_KINDS, ITEM_KINDS

NEW, REPEATED, FORGOTTEN, FUTURE, EARLY = "new", "repeated", "forgotten", "in the future", "too early"
#: Why an event can never be kept.
REFUSED = {
    FUTURE: "at lies in the future: an event is sent when it has happened",
    EARLY: "at lies before 2005: it is no time of an event",
}
#: Clocks of backends differ.
CLOCK_SLACK = timedelta(minutes=5)
EARLIEST = datetime(2005, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_ID = 256
#: column -> its type.
_COLUMNS = {
    "id": "text", "at": "timestamptz", "received_at": "timestamptz", "user_id": "text", "item_id": "text",
    "item_kind": "text", "kind": "text", "watch_share": "real", "region": "text", "recommendation_id": "text",
}  # fmt: skip
_TEXTS = {"region": 100, "recommendation_id": LONGEST_ID}
#: A batch goes as one JSON text: that costs this process a sixth of what arrays do, and PostgreSQL the same. A
#: temporary table for each batch of a busy service (``storage/event_bulk.py`` has one, for imports) would churn
#: the database's catalogue. In one order, so that of two batches with the same events neither waits for the
#: other in a circle.
_INSERT = SQL(
    """
    insert into events ({columns}) select {columns} from json_to_recordset(%s::json) as row ({typed})
    order by at, id on conflict do nothing returning id, at
    """
).format(
    columns=SQL(", ").join(map(Identifier, _COLUMNS)),
    typed=SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in _COLUMNS.items()),
)
_HISTORY = """
    select asked.id, e.item_id, e.item_kind, e.kind, e.at, e.watch_share
    from unnest(%(users)s::text[]) as asked (id) cross join lateral (
        select item_id, item_kind, kind, at, watch_share from events
        where user_id = asked.id {since} order by at desc limit %(limit)s
    ) e
    order by asked.id, e.at desc
"""
_COUNTS = """
    select item_id, kind, count(*), count(distinct user_id) from events
    where item_id = any(%s::text[]) and at >= %s
    group by grouping sets ((item_id, kind), (item_id))
"""
_ACTIVE = """
    select user_id from events where at >= %s group by user_id order by max(at) desc, user_id limit %s
"""


class Seen(NamedTuple):
    """An interaction out of a user's history."""

    item_id: str
    item_kind: str
    kind: str
    at: datetime
    watch_share: float | None


def event_key(user_id: str, item_id: str, kind: str, at: datetime) -> str:
    """The id of an event that brings none: the same for the same interaction at the same microsecond.

    32 hexadecimal digits of BLAKE2b (RFC 7693).
    """
    since = at - EPOCH
    moment = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    said = f"{user_id}\x1f{item_id}\x1f{kind}\x1f{moment}"
    return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def insert_events(
    engine: Engine, rows: Sequence[Mapping[str, Any]], now: datetime, *, settings: Settings | None = None
) -> list[str]:
    """Keep events; one that is there already, by ``id`` and ``at``, is left as it is.

    Args:
        engine: the platform's database.
        rows: with ``at`` (with time zone), ``user_id``, ``item_id``, ``kind``, and maybe ``id`` (left out:
            :func:`event_key`), ``item_kind`` (left out: user of a follow, else video), ``watch_share``,
            ``region``, ``recommendation_id`` and ``received_at`` (left out: ``now``).
        now: by our clock.
        settings: with the key by which forgotten people are known, whose events are not taken in, nor those
            about them; None: nobody is looked for.

    Returns:
        For each row ``new``, ``repeated``, ``forgotten``, or why it can never be kept, a key of ``REFUSED``.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names both, and nothing is kept.
        DatabaseUnavailable: the server cannot be reached.
    """
    checked = [_checked(number, row, now) for number, row in enumerate(rows)]
    statuses = [_outside(row["at"], now) for row in checked]
    good = [row for row, status in zip(checked, statuses, strict=True) if status is None]
    if not good:
        return [status for status in statuses if status is not None]
    ensure_months(engine, {row["at"] for row in good})
    try:
        erased, new = _insert(engine, good, settings)
    except DatabaseError as error:
        if "no partition" not in error.message:
            raise
        ensure_months(engine, {row["at"] for row in good}, look=True)  # one was dropped meanwhile
        erased, new = _insert(engine, good, settings)
    return [status or _status(row, erased, new) for row, status in zip(checked, statuses, strict=True)]


def history(
    engine: Engine, user_ids: Sequence[str], *, limit: int, since: datetime | None = None
) -> dict[str, list[Seen]]:
    """The newest interactions of users, at most ``limit`` each, the newest first.

    Who did nothing (from ``since`` on) has no entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    query = SQL(_HISTORY).format(since=SQL("" if since is None else "and at >= %(since)s"))
    values = {"users": sorted(set(user_ids)), "limit": limit, "since": since}
    found: dict[str, list[Seen]] = {}
    with transaction(engine) as connection, cursor(connection) as cur:
        for user, *rest in cur.execute(query, values):
            found.setdefault(user, []).append(Seen(*rest))
    return found


def item_counts(engine: Engine, item_ids: Sequence[str], since: datetime) -> dict[str, dict[str, int]]:
    """How many interactions of each kind items had from ``since`` on, and of how many ``users``.

    An item without any has no entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    found: dict[str, dict[str, int]] = {}
    with transaction(engine) as connection, cursor(connection) as cur:
        for item, kind, count, users in cur.execute(_COUNTS, (sorted(set(item_ids)), since)):
            counts = found.setdefault(item, {})
            counts |= {"users": users} if kind is None else {kind: count}
    return found


def active_users(engine: Engine, since: datetime, limit: int) -> list[str]:
    """Users who did something from ``since`` on, those of the newest events first.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        return [user for (user,) in cur.execute(_ACTIVE, (since, limit))]


def _insert(
    engine: Engine, rows: Sequence[Mapping[str, Any]], settings: Settings | None
) -> tuple[set[str], set[tuple[str, datetime]]]:
    """Insert what is of nobody who was forgotten: (those who were, (id, at) of the rows that were new)."""
    with transaction(engine) as connection, cursor(connection) as cur:
        erased: set[str] = set()
        if settings is not None:
            erased = erased_while_adding(connection, settings, sorted(set().union(*map(_people, rows))))
        kept = [row for row in rows if erased.isdisjoint(_people(row))] if erased else rows
        return erased, set(cur.execute(_INSERT, (_json(kept),)).fetchall())


def _json(rows: Sequence[Mapping[str, Any]]) -> str:
    try:
        return orjson.dumps(rows).decode()
    except orjson.JSONEncodeError as error:
        raise InputError(f"An event of the batch holds a text that is none: {error}.") from None


def _people(row: Mapping[str, Any]) -> set[str]:
    return {row["user_id"], row["item_id"]} if row["item_kind"] == "user" else {row["user_id"]}


def _outside(at: datetime, now: datetime) -> str | None:
    if at > now + CLOCK_SLACK:
        return FUTURE
    return EARLY if at < EARLIEST else None


def _status(row: Mapping[str, Any], erased: set[str], new: set[tuple[str, datetime]]) -> str:
    """What became of a row; of several of one key the first is the new one."""
    if not erased.isdisjoint(_people(row)):
        return FORGOTTEN
    key = (row["id"], row["at"])
    if key not in new:
        return REPEATED
    new.remove(key)
    return NEW


def _checked(number: int, row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """The row as it is stored."""

    def wrong(field: str, wanted: str) -> InputError:
        return InputError(f"The {field} of event {number} of the batch, {row.get(field)!r}, is not {wanted}.")

    found: dict[str, Any] = {}
    default = "user" if row.get("kind") == "follow" else "video"
    for name, known in (("kind", EVENT_KINDS), ("item_kind", ITEM_KINDS)):
        found[name] = row.get(name) or (default if name == "item_kind" else None)
        if found[name] not in known:
            raise wrong(name, f"one of {', '.join(known)}")
    for name in ("user_id", "item_id"):
        if not _is_id(row.get(name)):
            raise wrong(name, f"a text of at most {LONGEST_ID} characters, without NUL")
        found[name] = row[name]
    for name in ("at", "received_at"):
        found[name] = row.get(name) or (now if name == "received_at" else None)
        if not isinstance(found[name], datetime) or found[name].tzinfo is None:
            raise wrong(name, "a time with time zone")
    share = row.get("watch_share")
    if share is not None and not (
        isinstance(share, int | float) and not isinstance(share, bool) and 0 <= share <= 1
    ):
        raise wrong("watch_share", "a number from 0 to 1")
    for name, longest in _TEXTS.items():
        value = row.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= longest and "\x00" not in value):
            raise wrong(name, f"a text of at most {longest} characters, without NUL")
        found[name] = value or None
    identity = row.get("id")
    if identity is not None and not _is_id(identity):
        raise wrong("id", f"a text of at most {LONGEST_ID} characters, without NUL")
    own = identity or event_key(found["user_id"], found["item_id"], found["kind"], found["at"])
    return found | {"id": own, "watch_share": share}


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_ID and "\x00" not in value

"""Clips as the product describes them, with what was known when; and their inputs for a prediction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Cursor
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.ctr_history import Counts, Who, past
from storage.database import lock_names, transaction
from storage.erasure import erased_while_adding
from storage.tables import Clip

#: What is known of a clip: the columns of ``clips`` beside its key.
FIELDS: tuple[str, ...] = tuple(c.name for c in Clip.__table__.columns if c.name not in ("id", "known_at"))
_KINDS = {c.name: c.type.python_type for c in Clip.__table__.columns if c.name in FIELDS}
_COLUMNS = SQL(", ").join(map(Identifier, FIELDS))
#: Clips are saved one after the other, in one order, so that of two writers none loses the other's fields. An
#: import is waited for before anything is read (see storage/clip_bulk.py).
_AFTER_IMPORTS = "lock table clips in row exclusive mode"
_LATEST = SQL(
    """
    select distinct on (id) id, known_at, {} from clips where id = any(%s::text[]) order by id, known_at desc
    """
).format(_COLUMNS)
_KNOWN_AT = SQL(
    """
    select distinct on (id) id, {} from clips where id = any(%s::text[]) and known_at <= %s
    order by id, known_at desc
    """
).format(_COLUMNS)
_SINCE = "select id, min(known_at) from clips where id = any(%s::text[]) group by id"
_INSERT = SQL("insert into clips (id, known_at, {}) values (%s, %s{})").format(
    _COLUMNS, SQL(", %s") * len(FIELDS)
)
NEW, CHANGED, UNCHANGED, FORGOTTEN = "new", "changed", "unchanged", "forgotten"


def save_clips(
    engine: Engine,
    rows: Sequence[Mapping[str, Any]],
    known_at: datetime,
    *,
    settings: Settings | None = None,
) -> list[str]:
    """Keep what is known of clips from ``known_at`` on.

    A field that is absent or None stays as it is known already. What changes nothing adds no row; what was
    known before stays known for the past.

    Args:
        engine: the platform's database.
        rows: with ``clip_id`` and any of :data:`FIELDS`.
        known_at: now.
        settings: with the key by which forgotten creators are known, whose clips are not taken in; None: nobody
            is looked for.

    Returns:
        For each row ``new``, ``changed``, ``unchanged`` or ``forgotten``.

    Raises:
        InputError: a row has an unknown field or a wrong value; the message names both, and nothing is kept.
        DatabaseUnavailable: the server cannot be reached.
    """
    checked = [_checked(number, row) for number, row in enumerate(rows)]
    ids = sorted({row["clip_id"] for row in checked})
    with transaction(engine) as connection, cursor(connection) as cur:
        creators = sorted({row["creator_id"] for row in checked if row["creator_id"] is not None})
        erased = erased_while_adding(connection, settings, creators) if settings is not None else set()
        cur.execute(_AFTER_IMPORTS)
        lock_names(connection, "clips", ids)
        known = {row["id"]: row for row in _dicts(cur, _LATEST, (ids,))}
        statuses, added = [], []
        for row in checked:
            if row["creator_id"] in erased:
                statuses.append(FORGOTTEN)
                continue
            before = known.get(row["clip_id"])
            now = _merged(row, before, known_at)
            statuses.append(_status(before, now))
            if statuses[-1] != UNCHANGED:
                known[row["clip_id"]] = now
                added.append((now["id"], now["known_at"], *(now[name] for name in FIELDS)))
        if added:
            cur.executemany(_INSERT, added)
    return statuses


def clip_inputs(
    engine: Engine, clip_ids: Sequence[str], at: datetime, maturity: timedelta
) -> dict[str, dict[str, Any]]:
    """What was known of clips at ``at``: ``clip_id``, :data:`FIELDS`, and the counts of the past.

    The same numbers that collection puts into an example of that moment. A clip that was not known then has no
    entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        clips = _dicts(cur, _KNOWN_AT, (sorted(set(clip_ids)), at))
        found = {
            who: past(cur, who, [clip["id" if who == "clip" else f"{who}_id"] for clip in clips], at, maturity)
            for who in WHO
        }
    inputs = {}
    for clip in clips:
        clip_id = clip.pop("id")
        named = {"clip": clip_id, "creator": clip["creator_id"], "advertiser": clip["advertiser_id"]}
        counts: dict[str, int | None] = {}
        for who, name in named.items():
            counts |= history_fields(who, found[who].at(name, at))  # type: ignore[index]
        inputs[clip_id] = {"clip_id": clip_id, **clip, **counts}
    return inputs


def described(engine: Engine, clip_ids: Sequence[str], at: datetime) -> dict[str, dict[str, Any]]:
    """``clip_id`` and :data:`FIELDS` of clips as known at ``at``: :func:`clip_inputs` without the counts, which
    are dear where an advertiser has many.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        clips = _dicts(cur, _KNOWN_AT, (sorted(set(clip_ids)), at))
    return {clip["id"]: {"clip_id": clip.pop("id"), **clip} for clip in clips}


def known_since(engine: Engine, clip_ids: Sequence[str]) -> dict[str, datetime]:
    """Since when clips are known; of which nothing was ever told has no entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        return dict(cur.execute(_SINCE, (sorted(set(clip_ids)),)).fetchall())


def history(
    engine: Engine,
    creator_ids: Sequence[str],
    advertiser_ids: Sequence[str],
    clip_ids: Sequence[str],
    at: datetime,
    maturity: timedelta,
) -> dict[Who, dict[str, Counts]]:
    """(impressions, clicks) that were final at ``at``, by id of a ``creator``, an ``advertiser`` or a ``clip``.

    Of whom nothing was ever counted has no entry. For questions about clips that the platform does not know.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    asked: dict[Who, Sequence[str]] = {
        "clip": clip_ids, "creator": creator_ids, "advertiser": advertiser_ids
    }  # fmt: skip
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        found = {who: past(cur, who, ids, at, maturity) for who, ids in asked.items()}
    return {
        who: {name: counts for name in found[who].moments if (counts := found[who].at(name, at)) is not None}
        for who in asked
    }


WHO: tuple[Who, ...] = ("clip", "creator", "advertiser")


def history_fields(who: str, counts: Counts | None) -> dict[str, int | None]:
    """``counts`` as the fields of an input."""
    impressions, clicks = counts or (None, None)
    return {f"{who}_impressions": impressions, f"{who}_clicks": clicks}


def _dicts(cur: Cursor[Any], query: Any, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    with cur.connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(query, values).fetchall()


def _merged(row: Mapping[str, Any], before: Mapping[str, Any] | None, known_at: datetime) -> dict[str, Any]:
    """All that is known now. It is the newest row, also where another process's clock is ahead."""
    old = before or {}
    if before is not None:
        known_at = max(known_at, before["known_at"] + timedelta(microseconds=1))
    fields = {name: old.get(name) if row[name] is None else row[name] for name in FIELDS}
    return {"id": row["clip_id"], "known_at": known_at, **fields}


def _status(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> str:
    if before is None:
        return NEW
    return UNCHANGED if all(before[name] == now[name] for name in FIELDS) else CHANGED


def _checked(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    strange = [name for name in row if name not in FIELDS and name != "clip_id"]
    if strange:
        raise InputError(
            f"Clip {number} of the batch has the unknown field '{strange[0]}'.",
            hint=f"Fields: clip_id, {', '.join(FIELDS)}.",
        )
    clip_id = row.get("clip_id")
    if not isinstance(clip_id, str) or not clip_id.strip() or "\x00" in clip_id:
        raise InputError(f"Clip {number} of the batch has no clip_id.", hint="Give the product's own id.")
    return {"clip_id": clip_id, **{name: _value(number, name, row.get(name)) for name in FIELDS}}


def _value(number: int, name: str, value: Any) -> Any:
    kind = _KINDS[name]
    if value is None or value == "":
        return None
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if math.isfinite(value) and not (name == "duration" and value < 0):
            return float(value)
    elif kind is datetime and isinstance(value, datetime) and value.tzinfo is not None:
        return value
    elif kind is str and isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    elif kind is bool and isinstance(value, bool):
        return value
    wanted = {float: "a finite number", datetime: "a time with time zone", str: "a text", bool: "true or false"}
    raise InputError(f"The {name} of clip {number} of the batch, {value!r}, is not {wanted[kind]}.")

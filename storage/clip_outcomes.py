"""Impressions and clicks of clips as the product sends them: once each, restated by a new revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Identifier, Placeholder
from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import lock_names, transaction
from storage.erasure import erased_while_adding

#: What a key stands for; no revision may say otherwise.
IDENTITY = ("clip_id", "started_at", "ended_at", "placement", "audience", "device")
#: One that nobody told yet may be told later.
DEVICE = "device"
COUNTS = ("impressions", "clicks")
COLUMNS = ("key", "revision", *IDENTITY, *COUNTS, "known_at", "told_at")
NEW, REPEATED, CONFLICT, REVISED, UNKNOWN = "new", "repeated", "conflict", "revised", "unknown clip"
TAKEN, FORGOTTEN, OVERTAKEN = "taken", "forgotten", "overtaken"
#: A span may end so much later than our clock says: clocks differ.
CLOCK_SLACK = timedelta(hours=1)
LARGEST = 2**53

#: An import is waited for before anything is read (see storage/clip_bulk.py).
_AFTER_IMPORTS = "lock table clip_outcomes in row exclusive mode"
_NAMES = SQL(", ").join(map(Identifier, COLUMNS))
_KNOWN = SQL(
    "select distinct on (key) {} from clip_outcomes where key = any(%s::text[]) order by key, revision desc"
).format(_NAMES)
_CLIPS = """
    select distinct on (id) id, creator_id from clips where id = any(%s::text[]) order by id, known_at desc
"""
_TOLD_AGAIN = "update clip_outcomes set told_at = %s where key = %s and revision = %s"
_INSERT = SQL("insert into clip_outcomes ({}) values ({})").format(
    _NAMES, SQL(", ").join([Placeholder()] * len(COLUMNS))
)


def save_outcomes(
    engine: Engine, rows: Sequence[Mapping[str, Any]], now: datetime, *, settings: Settings | None = None,
    waited: bool = False,
) -> list[str]:  # fmt: skip
    """Keep counts of clips; all in one transaction.

    Args:
        engine: the platform's database.
        rows: with ``key`` (the sender's own), ``clip_id``, ``started_at``, ``ended_at``, ``impressions``,
            ``clicks``, and maybe ``placement``, ``audience``, ``device`` and ``replace`` (whether other counts
            than those that are there restate them).
        now: the moment at which they are learned of.
        waited: the rows waited on disk. Each has ``told_at`` (default: ``now``), and a ``replace`` changes
            nothing of which something later was told meanwhile.
        settings: with the key by which forgotten creators are known, whose counts are not taken in.

    Returns:
        For each row: ``new``; ``repeated`` (the key is there with these counts: nothing changes); ``revised``
        (they take the place of those that are there, from now on); ``conflict`` (other counts are there and
        ``replace`` is not set: nothing changes); ``taken`` (the key stands for another clip, span, placement,
        audience or device: nothing changes); ``overtaken`` (of those that waited: other counts were told later,
        and stand); ``unknown clip``; ``forgotten``.

    Raises:
        InputError: a row lacks a field or has a wrong one; the message names both, and nothing is kept.
        DatabaseUnavailable: the server cannot be reached.
    """
    checked = [_checked(number, row, now, waited) for number, row in enumerate(rows)]
    keys = sorted({row["key"] for row in checked})
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(_AFTER_IMPORTS)
        lock_names(connection, "clip_outcomes", keys)
        clips = dict(cur.execute(_CLIPS, (sorted({row["clip_id"] for row in checked}),)).fetchall())
        creators = sorted({creator for creator in clips.values() if creator is not None})
        erased = erased_while_adding(connection, settings, creators) if settings is not None else set()
        known = _greatest(cur, keys)
        statuses, added, again = [], [], []
        for row in checked:
            if row["clip_id"] not in clips:
                statuses.append(UNKNOWN)
                continue
            if clips[row["clip_id"]] in erased:
                statuses.append(FORGOTTEN)
                continue
            there = known.get(row["key"])
            statuses.append(_status(row, there, waited))
            if there is not None:  # it is the last word, also where another host's clock is ahead
                row["told_at"] = max(row["told_at"], there["told_at"])
            if statuses[-1] in (NEW, REVISED):
                known[row["key"]] = row | {"revision": there["revision"] + 1 if there else 1}
                added.append([known[row["key"]][name] for name in COLUMNS])
            elif there is not None and statuses[-1] == REPEATED and row["replace"]:
                there["told_at"] = row["told_at"]
                again.append([there[name] for name in ("told_at", "key", "revision")])
        if added:
            cur.executemany(_INSERT, added)
        if again:
            cur.executemany(_TOLD_AGAIN, again)
    return statuses


def _greatest(cur: Cursor[Any], keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The greatest revision of each of ``keys`` that is there."""
    found = cur.execute(_KNOWN, (keys,)).fetchall()
    return {values[0]: dict(zip(COLUMNS, values, strict=True)) for values in found}


def _status(row: Mapping[str, Any], there: Mapping[str, Any] | None, waited: bool) -> str:
    if there is None:
        return NEW
    if any(row[name] != there[name] for name in IDENTITY if name != DEVICE or there[name] is not None):
        return TAKEN
    if all(row[name] == there[name] for name in COUNTS):
        return REPEATED
    if not row["replace"]:
        return CONFLICT
    return OVERTAKEN if waited and row["told_at"] < there["told_at"] else REVISED


def _checked(number: int, row: Mapping[str, Any], now: datetime, waited: bool) -> dict[str, Any]:
    def wrong(field: str, wanted: str, hint: str | None = None) -> InputError:
        return InputError(
            f"The {field} of outcome {number} of the batch, {row.get(field)!r}, is not {wanted}.", hint=hint
        )

    found: dict[str, Any] = {}
    for name in ("key", "clip_id", "placement", "audience", "device"):
        value = row.get(name)
        needed = name in ("key", "clip_id")
        if not (isinstance(value, str) or value is None) or (needed and not (value or "").strip()):
            raise wrong(name, "a text")
        if value is not None and "\x00" in value:
            raise wrong(name, "a text without the character NUL")
        found[name] = value or None
    for name in ("started_at", "ended_at"):
        value = row.get(name)
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise wrong(name, "a time with time zone")
        found[name] = value
    for name in COUNTS:
        value = row.get(name)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LARGEST:
            raise wrong(name, "a whole number from 0 on")
        found[name] = value
    if found["ended_at"] <= found["started_at"]:
        raise wrong("ended_at", "later than its started_at", "A day's counts end at the next midnight.")
    if found["ended_at"] > now + CLOCK_SLACK:
        raise wrong("ended_at", "over yet", "Send counts when their span is over.")
    if found["clicks"] > found["impressions"]:
        raise wrong("clicks", f"at most its {found['impressions']} impressions")
    told = row.get("told_at") if waited else None
    if told is not None and (not isinstance(told, datetime) or told.tzinfo is None):
        raise wrong("told_at", "a time with time zone")
    return found | {
        "replace": bool(row.get("replace")),
        "known_at": max(found["ended_at"], now),
        "told_at": min(told or now, now),
    }

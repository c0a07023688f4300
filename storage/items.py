"""The catalogue: what can be recommended, as it was last described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import Cursor
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from config.errors import InputError
from config.settings import Settings
from storage.copying import cursor
from storage.database import lock_names, transaction
from storage.erasure import erased_while_adding
from storage.recommendation_tables import ITEM_KINDS

NEW, CHANGED, UNCHANGED, FORGOTTEN, CONFLICT = "new", "changed", "unchanged", "forgotten", "conflict"
LONGEST_ID, LONGEST_TEXT, LONGEST_WORD, MOST_TAGS = 256, 20_000, 100, 100
#: What is told of an item, beside its id and kind.
FIELDS = ("author_id", "text", "tags", "category", "language", "region", "published_at")
COLUMNS = ("id", "kind", *FIELDS, "updated_at", "removed_at")
_LONGEST = {
    "author_id": LONGEST_ID, "text": LONGEST_TEXT, "category": LONGEST_WORD, "language": LONGEST_WORD,
    "region": LONGEST_WORD,
}  # fmt: skip
_NAMES = SQL(", ").join(map(Identifier, COLUMNS))
#: An import holds this lock while it writes; it is waited for before anything is read.
_AFTER_IMPORTS = "lock table items in row exclusive mode"
_KNOWN = SQL("select {} from items where id = any(%s::text[])").format(_NAMES)
_SAVE = SQL(
    """
    insert into items ({names}) values ({values})
    on conflict (id) do update set ({names}, tx) = ({excluded}, pg_current_xact_id()::text::bigint)
    """
).format(
    names=_NAMES,
    values=SQL(", ").join([SQL("%s")] * len(COLUMNS)),
    excluded=SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in COLUMNS),
)
_CHANGED = SQL(
    """
    select {}, tx from items
    where (tx, id) > (%s, %s) and tx < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    order by tx, id limit %s
    """
).format(_NAMES)


class Place(NamedTuple):
    """How far a reader of the catalogue has come: all up to this transaction and id has been read."""

    tx: int = 0
    id: str = ""


def save_items(
    engine: Engine, rows: Sequence[Mapping[str, Any]], now: datetime, *, settings: Settings | None = None
) -> list[str]:
    """Keep what is told of items; all in one transaction.

    A field that is given takes the place of what was known; one that is absent or None stays as it is. What
    changes nothing is not written. ``removed`` true takes an item down, and false puts it back.

    Args:
        engine: the platform's database.
        rows: with ``item_id`` and any of ``kind`` (of a new item, left out: video), :data:`FIELDS` (of a new
            item, ``published_at`` left out: ``now``) and ``removed``.
        now: by our clock.
        settings: with the key by which forgotten people are known: neither they nor what they made is taken
            in; None: nobody is looked for.

    Returns:
        For each row ``new``, ``changed``, ``unchanged``, ``forgotten``, or ``conflict`` (the id names something
        of another kind: nothing changes).

    Raises:
        InputError: a row has an unknown field or a wrong value; the message names both, and nothing is kept.
        DatabaseUnavailable: the server cannot be reached.
    """
    checked = [_checked(number, row) for number, row in enumerate(rows)]
    ids = sorted({row["id"] for row in checked})
    with transaction(engine) as connection, cursor(connection) as cur:
        people = sorted({one for row in checked for one in (row["id"], row["author_id"]) if one is not None})
        erased = erased_while_adding(connection, settings, people) if settings is not None else set()
        cur.execute(_AFTER_IMPORTS)
        lock_names(connection, "items", ids)
        known = {row["id"]: row for row in _dicts(cur, _KNOWN, (ids,))}
        statuses, written = [], {}
        for row in checked:
            before = known.get(row["id"])
            after = _merged(row, before, now)
            statuses.append(_status(row, before, after, erased))
            if statuses[-1] in (NEW, CHANGED):
                known[row["id"]] = written[row["id"]] = after
        if written:
            cur.executemany(_SAVE, [[row[name] for name in COLUMNS] for row in written.values()])
    return statuses


def items(engine: Engine, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Items by id, with :data:`COLUMNS`; unknown ones are absent.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        return {row["id"]: row for row in _dicts(cur, _KNOWN, (sorted(set(ids)),))}


#: Before everything.
START = Place()


def changed_since(
    engine: Engine, place: Place = START, limit: int = 10_000
) -> tuple[list[dict[str, Any]], Place]:
    """Items that were written after ``place``, in the order of their transactions, and the place behind them.

    Nothing is missed, however long a transaction lasts: a row is shown only when no transaction that is as old
    as its own, or older, still runs, so that nothing can appear before ``place`` any more. A long import
    therefore delays what is written after it began, until it is over. An erasure deletes rows: who keeps a copy
    reads all of it anew from time to time.

    Args:
        engine: the platform's database.
        place: where to go on from; the first one reads the whole catalogue.
        limit: at most so many rows; fewer say that there are no more for now.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        found = _dicts(cur, _CHANGED, (*place, limit))
    if found:
        place = Place(found[-1]["tx"], found[-1]["id"])
    for row in found:
        del row["tx"]
    return found, place


def remove(engine: Engine, ids: Sequence[str], now: datetime) -> list[str]:
    """Take items down: they are never recommended any more. ``unchanged`` are those that are down, or unknown.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    return _set_removed(engine, ids, now, removed=True)


def restore(engine: Engine, ids: Sequence[str], now: datetime) -> list[str]:
    """Put items back that were taken down; as :func:`remove`."""
    return _set_removed(engine, ids, now, removed=False)


def _set_removed(engine: Engine, ids: Sequence[str], now: datetime, *, removed: bool) -> list[str]:
    known = items(engine, ids)
    rows = [{"item_id": one, "kind": known[one]["kind"], "removed": removed} for one in ids if one in known]
    statuses = iter(save_items(engine, rows, now) if rows else ())
    return [next(statuses) if one in known else UNCHANGED for one in ids]


def _dicts(cur: Cursor[Any], query: Any, values: tuple[Any, ...]) -> list[dict[str, Any]]:
    with cur.connection.cursor(row_factory=dict_row) as rows:
        return rows.execute(query, values).fetchall()


def _merged(row: Mapping[str, Any], before: Mapping[str, Any] | None, now: datetime) -> dict[str, Any]:
    old = before or {"kind": row["kind"] or "video", "published_at": now, "removed_at": None}
    told = {name: old.get(name) if row[name] is None else row[name] for name in FIELDS}
    removed_at = old["removed_at"]
    if row["removed"] is not None:
        removed_at = (removed_at or now) if row["removed"] else None
    return {"id": row["id"], "kind": old["kind"], **told, "updated_at": now, "removed_at": removed_at}


def _status(
    row: Mapping[str, Any], before: Mapping[str, Any] | None, after: Mapping[str, Any], erased: set[str]
) -> str:
    if after["author_id"] in erased or (after["kind"] == "user" and after["id"] in erased):
        return FORGOTTEN
    if before is None:
        return NEW
    if row["kind"] not in (None, before["kind"]):
        return CONFLICT
    same = all(before[name] == after[name] for name in (*FIELDS, "removed_at"))
    return UNCHANGED if same else CHANGED


def _checked(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    def wrong(field: str, wanted: str) -> InputError:
        return InputError(f"The {field} of item {number} of the batch, {row.get(field)!r}, is not {wanted}.")

    strange = [name for name in row if name not in ("item_id", "kind", "removed", *FIELDS)]
    if strange:
        raise InputError(
            f"Item {number} of the batch has the unknown field '{strange[0]}'.",
            hint=f"Fields: item_id, kind, {', '.join(FIELDS)}, removed.",
        )
    found: dict[str, Any] = {"id": row.get("item_id"), "kind": row.get("kind"), "removed": row.get("removed")}
    if not _is_text(found["id"], LONGEST_ID) or not found["id"].strip():
        raise wrong("item_id", f"a text of at most {LONGEST_ID} characters, without NUL")
    if found["kind"] not in (None, *ITEM_KINDS):
        raise wrong("kind", f"one of {', '.join(ITEM_KINDS)}")
    if not isinstance(found["removed"], bool | None):
        raise wrong("removed", "true or false")
    for name, longest in _LONGEST.items():
        found[name] = row.get(name) or None
        if found[name] is not None and not _is_text(found[name], longest):
            raise wrong(name, f"a text of at most {longest} characters, without NUL")
    tags = row.get("tags")
    if tags is not None:
        usable = isinstance(tags, list | tuple) and len(tags) <= MOST_TAGS
        if not usable or not all(_is_text(tag, LONGEST_WORD) for tag in tags):
            raise wrong("tags", f"a list of at most {MOST_TAGS} texts of at most {LONGEST_WORD} characters")
        tags = list(tags)
    published = row.get("published_at")
    if published is not None and not (isinstance(published, datetime) and published.tzinfo):
        raise wrong("published_at", "a time with time zone")
    return found | {"tags": tags, "published_at": published}


def _is_text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and "\x00" not in value

"""Lists that were computed ahead: written in blocks by a flow, asked for by a service."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Engine

from config.settings import Settings
from storage.copying import cursor
from storage.database import transaction
from storage.erasure import erased_while_adding

_READ = """
    select l.user_id, l.item_kind, l.made_at, l.model_version, l.items
    from unnest(%s::text[], %s::text[]) as asked (user_id, item_kind)
    join recommendation_lists l using (user_id, item_kind)
"""
#: In one order, so that of two runs neither waits for the other in a circle. Of two the later moment stays.
_SAVE = """
    insert into recommendation_lists (user_id, item_kind, made_at, model_version, items)
    select user_id, item_kind, %(made_at)s, %(version)s, items
    from json_to_recordset(%(rows)s::json) as made (user_id text, item_kind text, items jsonb)
    order by user_id, item_kind
    on conflict (user_id, item_kind) do update
    set made_at = excluded.made_at, model_version = excluded.model_version, items = excluded.items
    where recommendation_lists.made_at <= excluded.made_at
"""
_PRUNE = "delete from recommendation_lists where made_at < %s"


class StoredList(NamedTuple):
    """A list of a user: entries with ``id``, ``score``, ``source`` and ``reason``, the best first."""

    made_at: datetime
    model_version: str
    items: list[dict[str, Any]]


class MadeList(NamedTuple):
    """A list to be stored: entries as of :class:`StoredList`, and of each entry the people whom it names."""

    user_id: str
    item_kind: str
    items: Sequence[dict[str, Any]]
    people: Sequence[frozenset[str]]


class Saved(NamedTuple):
    """How many lists were ``written``, and how many were not: of ``forgotten`` users, or there in a ``newer``
    form. ``entries`` of lists were left out, as they name somebody who was forgotten.
    """

    written: int
    forgotten: int
    newer: int
    entries: int


def read_lists(engine: Engine, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredList]:
    """The lists of (user, kind of item); who has none has no entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    asked = sorted(set(keys))
    columns = [[user for user, _ in asked], [kind for _, kind in asked]]
    with transaction(engine) as connection, cursor(connection) as cur:
        return {(user, kind): StoredList(*rest) for user, kind, *rest in cur.execute(_READ, columns)}


def save_lists(
    engine: Engine, lists: Sequence[MadeList], made_at: datetime, model_version: str, *, settings: Settings
) -> Saved:
    """Put lists in the place of those that were made earlier; all in one transaction.

    Nothing is kept of people who were forgotten: neither their lists, nor what names them in those of others.

    Args:
        engine: the platform's database.
        lists: each (user, kind) once.
        made_at: the moment that they are of.
        model_version: by which version.
        settings: with the key by which forgotten people are known.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        people = sorted({one for made in lists for one in frozenset((made.user_id,)).union(*made.people)})
        erased = erased_while_adding(connection, settings, people)
        kept = [made for made in lists if made.user_id not in erased]
        rows = [
            {"user_id": made.user_id, "item_kind": made.item_kind, "items": _kept(made, erased)}
            for made in kept
        ]
        values = {"rows": orjson.dumps(rows).decode(), "made_at": made_at, "version": model_version}
        written = cur.execute(_SAVE, values).rowcount
    entries = sum(len(made.items) for made in kept) - sum(len(row["items"]) for row in rows)
    return Saved(written, len(lists) - len(kept), len(kept) - written, entries)


def prune_lists(engine: Engine, before: datetime) -> int:
    """Delete lists that were made before a moment: of users for whom none are made any more; how many.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        return cur.execute(_PRUNE, (before,)).rowcount


def _kept(made: MadeList, erased: set[str]) -> list[dict[str, Any]]:
    if not erased:
        return list(made.items)
    return [item for item, named in zip(made.items, made.people, strict=True) if erased.isdisjoint(named)]

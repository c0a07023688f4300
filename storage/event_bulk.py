"""Events and items out of imports: COPY to a temporary table, then one statement a table.

All that is added before :meth:`EventLoad.finish` goes in as one: it is there whole or not at all. What is told
of the past was known then: an event is received when it happened. The same rows again change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection, Engine

from config.errors import InputError
from storage.bulk import Loaded
from storage.copying import copy_in, cursor
from storage.database import transaction
from storage.event_months import make_months, span_of
from storage.events import event_key

#: ``kind`` of a row that describes an item, and is no event.
ITEM = "item"
_ID = 'text collate "C"'
#: What an import brings. Tags are one text in the temporary table, with a character between that is in none.
_COLUMNS = {
    "id": _ID, "at": "timestamptz", "user_id": _ID, "item_id": _ID, "item_kind": "text", "kind": "text",
    "watch_share": "real", "region": "text", "recommendation_id": "text", "author_id": _ID, "text": "text",
    "tags": "text", "category": "text", "language": "text", "published_at": "timestamptz", "removed": "boolean",
}  # fmt: skip
_BETWEEN = "\x1f"
_TOLD = ("author_id", "text", "tags", "category", "language", "region", "published_at")

#: ``position`` keeps the order of arrival: what is told last of an item wins.
_STAGE = SQL(
    "create temporary table events_stage ({}, position bigint generated always as identity) on commit drop"
).format(SQL(", ").join(SQL("{} {}").format(Identifier(name), SQL(kind)) for name, kind in _COLUMNS.items()))
_MONTHS = "select distinct date_trunc('month', at at time zone 'utc') at time zone 'utc' from events_stage"
#: -> (new, all different ones)
_EVENTS = """
    with told as (
        select distinct on (at, id) * from events_stage where kind <> 'item' order by at, id, position
    ), written as (
        insert into events (id, at, received_at, user_id, item_id, item_kind, kind, watch_share, region,
            recommendation_id)
        select id, at, at, user_id, item_id, item_kind, kind, watch_share, region, recommendation_id
        from told order by at, id
        on conflict do nothing returning 1
    )
    select (select count(*) from written), (select count(*) from told)
"""
#: Whoever else writes items waits until the import is over.
_LOCK = "lock table items in share row exclusive mode"
#: Of each item the last value that is told; the region of an event is the user's, that of a description is the
#: item's. Nobody interacts with what is not published yet, so that an item whose time nobody told is as old as
#: its first interaction.
_ITEMS = """
    create temporary table items_told on commit drop as
    select item_id as id, (array_agg(item_kind order by position desc))[1] as kind, bool_or(kind = 'item') as
        described, min(at) as first_at,
        (array_agg(author_id order by position desc) filter (where author_id is not null))[1] as author_id,
        (array_agg("text" order by position desc) filter (where "text" is not null))[1] as "text",
        string_to_array((array_agg(tags order by position desc) filter (where tags is not null))[1],
            chr(31)) as tags,
        (array_agg(category order by position desc) filter (where category is not null))[1] as category,
        (array_agg("language" order by position desc) filter (where "language" is not null))[1] as "language",
        (array_agg(region order by position desc) filter (where region is not null and kind = 'item'))[1]
            as region,
        (array_agg(published_at order by position desc) filter (where published_at is not null))[1]
            as published_at,
        (array_agg(removed order by position desc) filter (where removed is not null))[1] as removed
    from events_stage group by item_id
"""
#: -> (new, changed)
_SAVE_ITEMS = SQL(
    """
    with merged as (
        select t.id, t.kind, i.id is null as is_new, coalesce(t.author_id, i.author_id) as author_id,
            coalesce(t."text", i."text") as "text", coalesce(t.tags, i.tags) as tags,
            coalesce(t.category, i.category) as category, coalesce(t."language", i."language") as "language",
            coalesce(t.region, i.region) as region,
            coalesce(t.published_at, least(i.published_at, t.first_at), %(now)s) as published_at,
            case when t.removed then coalesce(i.removed_at, %(now)s) when not t.removed then null
                else i.removed_at end as removed_at,
            (i.author_id, i."text", i.tags, i.category, i."language", i.region, i.published_at, i.removed_at)
                as before
        from items_told t left join items i on i.id = t.id
        where i.id is null or i.kind = t.kind
    ), written as (
        insert into items (id, kind, {fields}, removed_at, updated_at)
        select id, kind, {fields}, removed_at, %(now)s from merged
        where is_new or before is distinct from ({fields}, removed_at)
        order by id
        on conflict (id) do update set ({fields}, removed_at, updated_at, tx) =
            ({excluded}, excluded.removed_at, excluded.updated_at, pg_current_xact_id()::text::bigint)
        returning id
    )
    select count(*) filter (where is_new), count(*) filter (where not is_new)
    from written join merged using (id)
    """
).format(
    fields=SQL(", ").join(map(Identifier, _TOLD)),
    excluded=SQL(", ").join(SQL("excluded.{}").format(Identifier(name)) for name in _TOLD),
)
#: Rows that describe items, and how many different ones they describe.
_DESCRIBED = "select count(*), count(distinct item_id) from events_stage where kind = 'item'"


class EventLoad:
    """One load in the making; see :func:`event_load`."""

    def __init__(self, connection: Connection, cur: Cursor[Any], as_of: datetime) -> None:
        self._connection = connection
        self._cursor = cur
        self._as_of = as_of
        self._events = 0
        cur.execute(_STAGE)

    def add(self, table: pa.Table) -> None:
        """Stage rows in the columns of an import; absent columns are NULL. A row of the kind ``item`` describes
        an item; any other is an event, whose absent ``id`` is made out of its content.

        Raises:
            InputError: a column that does not exist, or no item, kind, user or time.
        """
        unknown = [name for name in table.column_names if name not in _COLUMNS]
        if unknown:
            raise InputError(f"Events have no column {', '.join(unknown)}.", hint=f"Columns: {[*_COLUMNS]}.")
        events = pc.not_equal(table["kind"], ITEM)
        for name in ("item_id", "item_kind", "user_id", "at"):
            rows = table[name] if name.startswith("item") else table[name].filter(events)
            if rows.null_count:
                raise InputError(f"{rows.null_count} events have no {name}.", hint="Every event needs one.")
        self._events += pc.sum(events).as_py() or 0
        copy_in(self._cursor, "events_stage", _storable(table))

    def finish(self) -> Loaded:
        """Move what was staged into the tables, and count. The load is over with it.

        Counted are events; in rows that only describe items, items.
        """
        run = self._cursor.execute
        run("analyze events_stage")
        months = [month for (month,) in run(_MONTHS).fetchall() if month is not None]
        make_months(self._connection, {span_of(month) for month in months})
        inserted, distinct = run(_EVENTS).fetchone() or (0, 0)
        run(_LOCK)
        run(_ITEMS)
        run("analyze items_told")
        described, items = run(_DESCRIBED).fetchone() or (0, 0)
        new, changed = run(_SAVE_ITEMS, {"now": self._as_of}).fetchone() or (0, 0)
        run("drop table events_stage, items_told")
        if self._events:
            return Loaded(inserted, 0, distinct - inserted, self._events - distinct)
        return Loaded(new, changed, items - new - changed, described - items)


def _storable(table: pa.Table) -> pa.Table:
    """``table`` as COPY takes it: an id for each event, and tags as one text."""
    own = table["id"] if "id" in table.column_names else pa.nulls(table.num_rows, pa.string())
    if own.null_count:
        parts = (table[name].to_pylist() for name in ("user_id", "item_id", "kind", "at"))
        made = [
            "" if kind == ITEM else given or event_key(user, item, kind, at)
            for given, user, item, kind, at in zip(own.to_pylist(), *parts, strict=True)
        ]
        table = _set(table, "id", pa.array(made, pa.string()))
    if "tags" in table.column_names and not pa.types.is_string(table["tags"].type):
        lists = table["tags"].combine_chunks().cast(pa.list_(pa.string()))
        table = _set(table, "tags", pc.binary_join(lists, _BETWEEN))
    return table


def _set(table: pa.Table, name: str, values: Any) -> pa.Table:
    index = table.schema.get_field_index(name)
    return table.append_column(name, values) if index < 0 else table.set_column(index, name, values)


@contextmanager
def event_load(engine: Engine, keep: bool, as_of: datetime) -> Iterator[EventLoad]:
    """A load in one transaction: nothing stays if the block raises, ends without ``finish``, or not ``keep``.

    Args:
        engine: the platform's database.
        keep: False: everything is tried, and nothing stays.
        as_of: the moment of the import.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
        DatabaseError: it refused the rows.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        yield EventLoad(connection, cur, as_of)
        if not keep:
            connection.rollback()

"""Interactions that came in, and the items that they are about, for the recommendation family."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Engine

from storage.copying import copy_out, cursor
from storage.database import transaction

TIME = pa.timestamp("us", tz="UTC")
INTERACTIONS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("at", TIME, nullable=False),
        pa.field("received_at", TIME, nullable=False),
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("item_kind", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        ("watch_share", pa.float32()),
        ("region", pa.string()),
        ("recommendation_id", pa.string()),
        ("predicted_version", pa.string()),
    ]
)
ITEMS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        ("author_id", pa.string()),
        ("text", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("category", pa.string()),
        ("language", pa.string()),
        ("region", pa.string()),
        pa.field("published_at", TIME, nullable=False),
        pa.field("updated_at", TIME, nullable=False),
        ("removed_at", TIME),
    ]
)
#: Tags are read as one text, with a character between that is in none: Arrow's CSV has no lists.
_BETWEEN = "\x1f"
_READ = pa.schema([pa.field(each.name, pa.string()) if each.name == "tags" else each for each in ITEMS])

#: Whoever made the recommendation may have named it in a way of their own: only a UUID is looked for.
_INTERACTIONS = """
    select e.id, e.at, e.received_at, e.user_id, e.item_id, e.item_kind, e.kind, e.watch_share, e.region,
        e.recommendation_id, p.model_version as predicted_version
    from events e left join predictions p on p.family = 'recommendation' and p.id = case
        when e.recommendation_id ~* '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
        then e.recommendation_id::uuid end
    where e.received_at >= {start} and e.received_at < {end}
    order by e.at, e.id
"""
_ITEMS = """
    select {columns} from items i
    where (i.updated_at >= {start} and i.updated_at < {end}) or exists (
        select from events e
        where e.item_id = i.id and e.received_at >= {start} and e.received_at < {end})
    order by i.id
"""


def read(engine: Engine, start: datetime, end: datetime, *, options: Any = None) -> dict[str, Any]:
    """What came in in ``start <= t < end`` (both with time zone), as of one instant.

    Args:
        engine: the platform's database.
        start: by our clock, ``received_at`` of events and ``updated_at`` of items.
        end: see ``start``.
        options: the family's; nothing here depends on them.

    Returns:
        ``interactions``: columns of ``INTERACTIONS``, by ``at`` and ``id``; ``predicted_version`` is that of
        the recommendation that an interaction followed from, where it is on record. ``items``: columns of
        ``ITEMS``, by ``id``, as they are known now: those that were written in the window, and those that an
        interaction of it is about.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    del options
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        cur.execute("set local work_mem = '256MB'")
        interactions = copy_out(cur, _filled(_INTERACTIONS, start, end), INTERACTIONS)
        items = copy_out(cur, _filled(_ITEMS, start, end), _READ)
    tags = items["tags"].combine_chunks()
    listed = pc.if_else(
        pc.equal(tags, ""), pa.scalar([], pa.list_(pa.string())), pc.split_pattern(tags, _BETWEEN)
    )
    place = ITEMS.get_field_index("tags")
    return {"interactions": interactions, "items": items.set_column(place, ITEMS.field(place), listed)}


def _filled(statement: str, start: datetime, end: datetime) -> Composable:
    """``statement`` with the moments as literals: COPY takes no parameters."""
    columns = SQL(", ").join(
        SQL("array_to_string(i.tags, chr(31)) as tags")
        if name == "tags"
        else SQL("i.{}").format(Identifier(name))
        for name in ITEMS.names
    )
    values: dict[str, Composable] = {"start": Literal(start), "end": Literal(end), "columns": columns}
    return SQL(statement).format(**values)

"""What a recommendation service reads of the platform every few seconds: what is new, liked, and changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import dict_row
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

_NAMES = "id, kind, author_id, text, tags, category, language, published_at, updated_at, removed_at"
_NEWEST = f"""
    select {_NAMES} from items where removed_at is null and published_at <= %s
    order by published_at desc, id limit %s
"""  # noqa: S608 - names of columns
_UPDATED = f"select {_NAMES} from items where updated_at >= %s order by updated_at desc, id limit %s"  # noqa: S608
#: Weights are kept in thousandths (storage/trending_sql.py).
_WINDOW = """
    select item_id, weight / 1000.0 from trend_windows
    where hours = %s and region = '' and weight > 0 order by weight desc limit %s
"""
#: One account counts once an item, by the strongest thing that it did, so that nobody lifts an item alone.
_COUNTED = """
    select item_id, sum(weight) from (
        select item_id, user_id,
            max(w.weight * case e.kind when 'view' then coalesce(e.watch_share, 1) else 1 end) as weight
        from (
            select item_id, user_id, kind, watch_share from events where received_at >= %(since)s
            order by received_at desc limit %(events)s
        ) e join unnest(%(kinds)s::text[], %(weights)s::float8[]) as w (kind, weight) on w.kind = e.kind
        group by item_id, user_id
    ) as one group by item_id having sum(weight) > 0 order by 2 desc limit %(limit)s
"""
WEEK_HOURS = 168


def newest_items(engine: Engine, now: datetime, limit: int) -> list[dict[str, Any]]:
    """The newest items that are not taken down, published up to ``now``, the newest first.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    return _rows(engine, _NEWEST, (now, limit))


def updated_items(engine: Engine, since: datetime, limit: int) -> list[dict[str, Any]]:
    """Items that were told of or changed from ``since`` on, the last changed first; with those taken down.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    return _rows(engine, _UPDATED, (since, limit))


def engagement(
    engine: Engine, weights: Mapping[str, float], since: datetime, *, events: int, limit: int
) -> dict[str, float]:
    """Weighted engagement of the most engaging items: of the last week by what trending has summed up, and
    until it has, by the newest events themselves.

    Args:
        engine: the platform's database.
        weights: of an interaction, by its kind.
        since: of the newest events, those received from here on.
        events: at most so many of them.
        limit: at most so many items.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        found = dict(cur.execute(_WINDOW, (WEEK_HOURS, limit)).fetchall())
        if not found:
            kinds = {"kinds": list(weights), "weights": list(weights.values())}
            found = dict(
                cur.execute(_COUNTED, {"since": since, "events": events, "limit": limit, **kinds}).fetchall()
            )
    return {item: float(value) for item, value in found.items()}


def _rows(engine: Engine, query: str, values: Sequence[Any]) -> list[dict[str, Any]]:
    with (
        transaction(engine) as connection,
        cursor(connection) as cur,
        cur.connection.cursor(row_factory=dict_row) as rows,
    ):
        return rows.execute(query, values).fetchall()

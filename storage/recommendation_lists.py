"""Lists that were computed ahead, as a service asks for them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

_READ = """
    select l.user_id, l.item_kind, l.made_at, l.model_version, l.items
    from unnest(%s::text[], %s::text[]) as asked (user_id, item_kind)
    join recommendation_lists l using (user_id, item_kind)
"""


class StoredList(NamedTuple):
    """A list of a user: entries with ``id``, ``score``, ``source`` and ``reason``, the best first."""

    made_at: datetime
    model_version: str
    items: list[dict[str, Any]]


def read_lists(engine: Engine, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredList]:
    """The lists of (user, kind of item); who has none has no entry.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    asked = sorted(set(keys))
    columns = [[user for user, _ in asked], [kind for _, kind in asked]]
    with transaction(engine) as connection, cursor(connection) as cur:
        return {(user, kind): StoredList(*rest) for user, kind, *rest in cur.execute(_READ, columns)}

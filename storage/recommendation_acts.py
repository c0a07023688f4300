"""Who acted since a service looked last, by the transactions that it has not seen yet; and whether somebody was
forgotten.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction

#: What is visible now and was not when the last snapshot was taken, however transactions overlap. The index on
#: ``tx`` finds it: nothing before the oldest transaction that still ran then can be new.
_ACTS = """
    select id, user_id from events
    where tx >= pg_snapshot_xmin(%(last)s::pg_snapshot)::text::bigint
        and not pg_visible_in_snapshot(tx::text::xid8, %(last)s::pg_snapshot)
    limit %(limit)s
"""
#: Differs once an erasure begins, and again when it has ended and its report is kept: an update is a new row.
_ERASURES = "select count(*)::text || ':' || coalesce(max(xmin::text::bigint), 0)::text from erasures"


class Acts(NamedTuple):
    """``users`` (event -> user) since ``snapshot`` was the last one; ``complete``: no more than these.
    ``erasures``: another text than the last one, where somebody was forgotten since.
    """

    snapshot: str
    users: dict[str, str]
    complete: bool
    erasures: str = ""


def acts_since(engine: Engine, last: str | None, limit: int = 50_000) -> Acts:
    """Events that were committed since the snapshot ``last`` was taken, and the snapshot of now.

    Args:
        engine: the platform's database.
        last: the snapshot of the last answer; None: nothing is told but the snapshot of now.
        limit: at most so many events; more are not told, and the answer is not ``complete``.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        found = cur.execute("select pg_current_snapshot()::text").fetchone()
        snapshot = str(found[0]) if found else ""
        erased = cur.execute(_ERASURES).fetchone()
        erasures = str(erased[0]) if erased else ""
        if last is None:
            return Acts(snapshot, {}, True, erasures)
        users = dict(cur.execute(_ACTS, {"last": last, "limit": limit + 1}).fetchall())
    return Acts(snapshot, users, len(users) <= limit, erasures)

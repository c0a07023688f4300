"""The latest snapshot of each of some videos, with the one before it: what a prediction is made from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from sqlalchemy import Engine

from storage.database import transaction
from storage.rows import storable
from storage.snapshot_schema import COUNTS, DESCRIPTION


def latest_snapshots(engine: Engine, video_ids: Sequence[str]) -> list[dict[str, Any]]:
    """One row for each video that there is, by id; absent values are left out.

    Returns:
        ``video_id``, ``taken_at``, the counts, the description as it was known then, and of the snapshot before
        ``previous_views`` and ``previous_taken_at``.
    """
    counts = SQL(", ").join(SQL("s.{}").format(Identifier(name)) for name in COUNTS.names)
    described = SQL(", ").join(
        SQL("case when s.taken_at >= v.{1} then v.{0} end as {0}").format(
            Identifier(name), Identifier(f"{name}_at")
        )
        for name in DESCRIPTION.names
    )
    query = SQL(
        """
        select v.id as video_id, s.taken_at, {counts}, {described},
            p.views as previous_views, p.taken_at as previous_taken_at
        from videos v
        cross join lateral (
            select * from engagement_snapshots s where s.video_id = v.id order by s.taken_at desc limit 1
        ) s
        left join lateral (
            select p.views, p.taken_at from engagement_snapshots p
            where p.video_id = v.id and p.taken_at < s.taken_at order by p.taken_at desc limit 1
        ) p on true
        where v.id = any(%s) order by v.id
        """
    ).format(counts=counts, described=described)
    with transaction(engine) as connection:
        driver = connection.connection.driver_connection
        assert driver is not None  # noqa: S101 - the transaction has just opened it
        with driver.cursor(row_factory=dict_row) as cur:
            rows = cur.execute(query, ([storable(one) for one in video_ids],)).fetchall()
    return [{name: value for name, value in row.items() if value is not None} for row in rows]

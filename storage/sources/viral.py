"""Snapshots and predictions of videos, for the viral family."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from psycopg.sql import SQL, Composable, Identifier, Literal
from sqlalchemy import Engine

from storage.copying import copy_out, cursor
from storage.database import transaction
from storage.snapshot_schema import COUNTS, DESCRIPTION, SNAPSHOTS_READ, TIME

#: ``inputs`` and ``answer`` are JSON texts.
PREDICTIONS = pa.schema(
    [
        pa.field("video_id", pa.string(), nullable=False),
        pa.field("taken_at", TIME, nullable=False),
        ("inputs", pa.string()),
        ("answer", pa.string()),
        ("version", pa.string()),
    ]
)

#: A question that says it is of last week may hold counts of today, and the outcome with them; one about
#: tomorrow holds what nobody has seen. An hour is for clocks that differ.
ASKED_WITHIN, CLOCK_SLACK = "1 day", "1 hour"


def read(engine: Engine, start: datetime, end: datetime) -> dict[str, pa.Table]:
    """All that is known of ``start <= taken_at < end`` (both with time zone).

    Returns:
        ``snapshots``: columns of ``SNAPSHOTS_READ``, in order of (video_id, taken_at). Each field that
        describes a video is NULL on snapshots from before it was known, and ``first_seen_at`` is that of the
        video's whole history, whatever the window.
        ``predictions``: columns of ``PREDICTIONS``, in order of (video_id, taken_at); without those that were
        asked about another time than their own (see ``ASKED_WITHIN``).

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        # One instant for both tables, whatever is written meanwhile.
        cur.execute("set transaction isolation level repeatable read, read only")
        cur.execute("set local work_mem = '256MB'")
        return {
            "snapshots": copy_out(cur, _snapshots(start, end), SNAPSHOTS_READ),
            "predictions": copy_out(cur, _predictions(start, end), PREDICTIONS),
        }


def _snapshots(start: datetime, end: datetime) -> Composable:
    return SQL(
        """
        select s.video_id, s.taken_at, {counts}, {description}, v.first_seen_at
        from engagement_snapshots s join videos v on v.id = s.video_id
        where s.taken_at >= {start} and s.taken_at < {end}
        order by s.video_id, s.taken_at
        """
    ).format(
        counts=SQL(", ").join(SQL("s.{}").format(Identifier(name)) for name in COUNTS.names),
        description=SQL(", ").join(
            SQL("case when s.taken_at >= v.{1} then v.{0} end as {0}").format(
                Identifier(name), Identifier(f"{name}_at")
            )
            for name in DESCRIPTION.names
        ),
        start=Literal(start),
        end=Literal(end),
    )


def _predictions(start: datetime, end: datetime) -> Composable:
    return SQL(
        """
        select entity_id as video_id, at as taken_at, inputs, answer, model_version as version
        from predictions
        where family = 'viral' and entity_id is not null and at >= {start} and at < {end}
            and received_at <= at + {within} and received_at >= at - {slack}
        order by entity_id, at, received_at, id
        """
    ).format(
        start=Literal(start),
        end=Literal(end),
        within=SQL("interval {}").format(Literal(ASKED_WITHIN)),
        slack=SQL("interval {}").format(Literal(CLOCK_SLACK)),
    )

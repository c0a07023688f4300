"""Labelled texts: what files and people said, the same for all text families."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Engine

from storage.copying import copy_out, cursor
from storage.database import transaction

TIME = pa.timestamp("us", tz="UTC")
#: One row a text and label; ``disputed``: two reviewers saw it otherwise.
LABELLED = pa.schema(
    [
        pa.field("text_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),
        pa.field("label", pa.string(), nullable=False),
        ("predicted", pa.string()),
        ("language", pa.string()),
        ("group_id", pa.string()),
        ("user_id", pa.string()),
        pa.field("at", TIME, nullable=False),
        pa.field("labelled_at", TIME, nullable=False),
        ("labelled_by", pa.string()),
        ("confidence", pa.float64()),
        ("margin", pa.float64()),
        ("model_version", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        ("disputed", pa.bool_()),
    ]
)


def labelled(engine: Engine, family: str, start: datetime, end: datetime, *more: Composable) -> pa.Table:
    """The texts of ``family`` that were labelled in ``start <= labelled_at < end``, in columns of ``LABELLED``
    and in order of (labelled_at, text_id).

    Args:
        engine: the platform's database.
        family: whose labels.
        start: with time zone; ``end`` too.
        end: see ``start``.
        more: further queries of the same columns.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
    """
    every = SQL(" union all ").join([_stored(family, start, end), *more])
    query = SQL("select * from ({}) as found order by labelled_at, text_id").format(every)
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute("set transaction isolation level repeatable read, read only")
        return copy_out(cur, query, LABELLED)


def _stored(family: str, start: datetime, end: datetime) -> Composable:
    return SQL(
        """
        select text_id, text, label, predicted, language, group_id, user_id, at, labelled_at, labelled_by,
            null::float8 as confidence, null::float8 as margin, null::text as model_version, source,
            false as disputed
        from text_labels
        where family = {family} and labelled_at >= {start} and labelled_at < {end}
        """
    ).format(family=Literal(family), start=Literal(start), end=Literal(end))

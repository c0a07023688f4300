"""Labelled texts into the database, many at a time: COPY to a temporary table, then one upsert.

All that is added before :meth:`TextLoad.finish` goes in as one: it is there whole or not at all. Of two labels
of one text the later one wins, in the file and against what is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pyarrow as pa
from psycopg import Cursor
from sqlalchemy import Engine

from config.errors import InputError
from storage.bulk import Loaded
from storage.copying import copy_in, cursor
from storage.database import transaction

#: Families that learn from labelled texts.
TEXT_FAMILIES = ("moderation", "sentiment", "topics", "entities")
COLUMNS = (
    "text_id", "text", "label", "predicted", "language", "group_id", "user_id", "at", "labelled_at",
    "labelled_by",
)  # fmt: skip
_KINDS = {"at": "timestamptz", "labelled_at": "timestamptz", "text_id": 'text collate "C"'}
#: ``position`` keeps the order of arrival: of two rows with one id the later one wins.
_STAGE = f"""
    create temporary table texts_stage (
        {", ".join(f"{name} {_KINDS.get(name, 'text')}" for name in COLUMNS)},
        position bigint generated always as identity
    ) on commit drop
"""
#: Rows are locked in one order. When it was labelled is no news by itself: an import without times says now.
_UPSERT = """
    with last as (
        select distinct on (text_id) * from texts_stage order by text_id, position desc
    ), done as (
        insert into text_labels as t
            (family, text_id, text, label, predicted, language, group_id, user_id, at, labelled_at, labelled_by,
            source)
        select %(family)s, text_id, text, label, predicted, language, group_id, user_id,
            coalesce(at, %(at)s), coalesce(labelled_at, %(at)s), labelled_by, %(source)s
        from last order by text_id
        on conflict (family, text_id) do update set
            text = excluded.text, label = excluded.label,
            predicted = coalesce(excluded.predicted, t.predicted),
            language = coalesce(excluded.language, t.language),
            group_id = coalesce(excluded.group_id, t.group_id),
            user_id = coalesce(excluded.user_id, t.user_id),
            labelled_at = excluded.labelled_at,
            labelled_by = coalesce(excluded.labelled_by, t.labelled_by), source = excluded.source
        where excluded.labelled_at >= t.labelled_at and (t.text, t.label) is distinct from
            (excluded.text, excluded.label)
            or excluded.language is not null and excluded.language is distinct from t.language
            or excluded.group_id is not null and excluded.group_id is distinct from t.group_id
            or excluded.user_id is not null and excluded.user_id is distinct from t.user_id
        returning (xmax = 0) as fresh
    )
    select count(*) filter (where fresh), count(*) filter (where not fresh),
        (select count(*) from last) from done
"""


class TextLoad:
    """One load in the making; see :func:`text_load`."""

    def __init__(self, cur: Cursor[Any], family: str, at: datetime, source: str) -> None:
        self._cursor, self._rows = cur, 0
        self._values = {"family": family, "at": at, "source": source}
        cur.execute(_STAGE)

    def add(self, table: pa.Table) -> None:
        """Stage rows in ``COLUMNS``; absent columns are NULL. Raises InputError for another column."""
        unknown = [name for name in table.column_names if name not in COLUMNS]
        if unknown:
            raise InputError(f"Texts have no column {', '.join(unknown)}.", hint=f"Columns: {list(COLUMNS)}.")
        copy_in(self._cursor, "texts_stage", table)
        self._rows += table.num_rows

    def finish(self) -> Loaded:
        """Move what was staged into the table, and count. The load is over with it."""
        found = self._cursor.execute(_UPSERT, self._values).fetchone() or (0, 0, 0)
        inserted, updated, distinct = found
        return Loaded(inserted, updated, distinct - inserted - updated, self._rows - distinct)


@contextmanager
def text_load(
    family: str, engine: Engine, keep: bool, at: datetime, *, source: str = "import"
) -> Iterator[TextLoad]:
    """A load in one transaction: nothing stays if the block raises, ends without ``finish``, or not ``keep``.

    Args:
        family: one of ``TEXT_FAMILIES``.
        engine: the platform's database.
        keep: whether the rows stay.
        at: of rows that have no moment.
        source: ``import`` or ``correction``.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
        DatabaseError: it refused the rows (an empty id or label).
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        yield TextLoad(cur, family, at, source)
        if not keep:
            connection.rollback()

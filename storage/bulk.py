"""Snapshots into the database, many at a time: COPY to a temporary table, then one upsert a table.

All that is added before :meth:`SnapshotLoad.finish` goes in as one: it is there whole or not at all, and the
counts are exact, also when another import of the same rows runs at the same time (rows are locked in one
order, so that two never wait for each other in a circle).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import Cursor
from sqlalchemy import Engine

from config.errors import InputError
from storage import bulk_sql
from storage.copying import copy_in, cursor
from storage.database import transaction
from storage.snapshot_schema import SNAPSHOTS


@dataclass(frozen=True)
class Loaded:
    """What became of the rows: new, changed, there already, and given more than once (the last one won)."""

    inserted: int
    updated: int
    unchanged: int
    repeated: int = 0


class SnapshotLoad:
    """One load in the making; see :func:`snapshot_load`."""

    def __init__(self, cur: Cursor[Any]) -> None:
        self._cursor = cur
        self._rows = 0
        cur.execute(bulk_sql.STAGE)

    def add(self, table: pa.Table) -> None:
        """Stage rows in the columns of ``SNAPSHOTS``; absent columns are NULL.

        Raises:
            InputError: a column that does not exist or has another type, or no video_id, taken_at or views.
        """
        rows = _conform(table)
        copy_in(self._cursor, "stage", rows)
        self._rows += rows.num_rows

    def finish(self) -> Loaded:
        """Move what was staged into the tables, and count. The load is over with it."""
        run = self._cursor.execute
        run(bulk_sql.INDEX_STAGE)
        run("analyze stage")
        run(bulk_sql.CREATORS)
        run(bulk_sql.VIDEOS)
        inserted, updated, distinct = run(bulk_sql.SNAPSHOTS).fetchone() or (0, 0, 0)
        run("drop table stage")
        return Loaded(
            inserted=inserted,
            updated=updated,
            unchanged=distinct - inserted - updated,
            repeated=self._rows - distinct,
        )


@contextmanager
def snapshot_load(engine: Engine, keep: bool = True) -> Iterator[SnapshotLoad]:
    """A load in one transaction: nothing stays if the block raises, ends without ``finish``, or not ``keep``.

    Raises:
        DatabaseUnavailable: the server cannot be reached, or went away.
        DatabaseError: it refused the rows (a negative count).
    """
    with transaction(engine) as connection, cursor(connection) as cur:
        yield SnapshotLoad(cur)
        if not keep:
            connection.rollback()


def load_snapshots(engine: Engine, table: pa.Table) -> Loaded:
    """Load ``table`` (columns of ``SNAPSHOTS``); repeating it changes nothing.

    A value that is NULL here does not wipe out one that is known; of two rows of one video and time the later
    one wins. Raises as :meth:`SnapshotLoad.add` and :func:`snapshot_load`.
    """
    with snapshot_load(engine) as load:
        load.add(table)
        return load.finish()


def _conform(table: pa.Table) -> pa.Table:
    unknown = [name for name in table.column_names if name not in SNAPSHOTS.names]
    if unknown:
        raise InputError(f"Snapshots have no column {', '.join(unknown)}.", hint=f"Columns: {SNAPSHOTS.names}.")
    columns = []
    for field in SNAPSHOTS:
        if field.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, field.type))
        else:
            try:
                columns.append(table.column(field.name).cast(field.type))
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise InputError(f"Column {field.name} is not {field.type}: {error}") from None
        absent = columns[-1].null_count
        if absent and not field.nullable:
            raise InputError(f"{absent} snapshots have no {field.name}.", hint="Every snapshot needs one.")
    conformed = pa.table(columns, schema=pa.schema([(field.name, field.type) for field in SNAPSHOTS]))
    if pc.any(pc.equal(conformed["video_id"], "")).as_py():
        raise InputError("A snapshot's video_id is empty.", hint="Every snapshot needs one.")
    return conformed

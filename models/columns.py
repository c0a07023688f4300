"""Columns of tables and moments, as every family's modules handle them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: All times are UTC, in microseconds.
TIME = pa.timestamp("us", tz="UTC")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """``table`` with exactly the columns of ``schema``: absent ones null, others cast, unknown ones dropped."""
    columns = []
    for field in schema:
        if field.name in table.column_names:
            column = table[field.name]
            if column.type != field.type:
                column = column.cast(field.type)
        else:
            column = pa.chunked_array([pa.nulls(table.num_rows, field.type)])
        columns.append(column)
    return pa.table(columns, schema=schema)


def take_rows(table: pa.Table, rows: Any) -> pa.Table:
    """Rows of ``table`` by an index or boolean NumPy array."""
    if rows.dtype == bool:
        return table.filter(pa.array(rows))
    return table.take(pa.array(rows))


def epoch_us(column: Any) -> Any:
    """A timestamp column as int64 microseconds since 1970 (nulls stay null)."""
    return pc.cast(pc.cast(column, TIME), pa.int64())


def time_us(value: datetime | str) -> float:
    """Microseconds since 1970 of a datetime (a naive one is UTC) or of ISO 8601 text."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    span = moment - _EPOCH
    return float((span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds)


def microseconds(span: timedelta) -> int:
    """A span of time in whole microseconds."""
    return span // timedelta(microseconds=1)

"""Arrow tables into and out of PostgreSQL by COPY: text made and parsed by Arrow's C++ CSV, in a stream.

CSV is the one format that both sides read and write without Python touching a value. NULL is an unquoted empty
field, the empty string a quoted one.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv
from psycopg import Cursor
from psycopg.rows import class_row
from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy import Connection

Row = TypeVar("Row")
BLOCK_BYTES = 4 * 1024 * 1024
CHUNK_ROWS = 65_536


def cursor(connection: Connection) -> Cursor[Any]:
    """A psycopg cursor in the transaction of ``connection``."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    return driver.cursor()


def rows_of(connection: Connection, kind: type[Row]) -> Cursor[Row]:
    """A cursor in the transaction of ``connection`` that gives each row as a ``kind``, by its fields."""
    driver = connection.connection.driver_connection
    if driver is None:
        raise RuntimeError("the connection is closed")
    return driver.cursor(row_factory=class_row(kind))


def copy_in(cur: Cursor[Any], target: str, table: pa.Table) -> None:
    """Append ``table`` to the columns of the same names of the table ``target``.

    NaN becomes NULL, and the character NUL, which PostgreSQL's text cannot hold, is dropped.
    """
    columns = SQL(", ").join(map(Identifier, table.column_names))
    statement = SQL("copy {} ({}) from stdin (format csv)").format(Identifier(target), columns)
    options = csv.WriteOptions(include_header=False)
    with cur.copy(statement) as copy:
        for start in range(0, table.num_rows, CHUNK_ROWS):
            buffer = io.BytesIO()
            csv.write_csv(_storable(table.slice(start, CHUNK_ROWS)), buffer, options)
            copy.write(buffer.getbuffer())


def _storable(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if pa.types.is_string(field.type):
            column = pc.replace_substring(column, "\x00", "")
        elif pa.types.is_floating(field.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, field.type), column)
        table = table.set_column(index, field, column)
    return table


def copy_out(cur: Cursor[Any], query: Composable, schema: pa.Schema) -> pa.Table:
    """The rows of ``query`` as a table of ``schema``, whose columns it selects in that order."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    force = SQL(", force_quote ({})").format(SQL(", ").join(map(Identifier, texts))) if texts else SQL("")
    statement = SQL("copy ({}) to stdout (format csv{})").format(query, force)
    with cur.copy(statement) as copy:
        stream = _CopyStream(iter(copy))
        first = stream.peek()
        if not first:
            return schema.empty_table()
        reader = csv.open_csv(
            pa.PythonFile(stream, mode="r"),
            read_options=csv.ReadOptions(column_names=schema.names, block_size=BLOCK_BYTES),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["t"],
                false_values=["f"],
            ),
        )
        return pa.Table.from_batches(list(reader), reader.schema).cast(schema)


class _CopyStream(io.RawIOBase):
    """What COPY sends, row by row or more, as a file to read from."""

    def __init__(self, blocks: Iterator[Any]) -> None:
        super().__init__()
        self._blocks = blocks
        self._rest = b""

    def peek(self) -> bytes:
        """The first bytes to come, or none at the end."""
        if not self._rest:
            with suppress(StopIteration):
                self._rest = bytes(next(self._blocks))
        return self._rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Up to ``size`` bytes; fewer only at the end."""
        parts, length = [self._rest], len(self._rest)
        while size < 0 or length < size:
            block = next(self._blocks, None)
            if block is None:
                break
            parts.append(bytes(block))
            length += len(block)
        data = b"".join(parts)
        cut = len(data) if size < 0 else size
        self._rest = data[cut:]
        return data[:cut]

"""A part's rows as the bytes of a Parquet file: the settings, and memory that is used again for the next part.

Whole numbers and times are stored as the differences between neighbours, and everything under LZ4, without
dictionaries and statistics. Measured on examples of the viral family (benchmarks/storage_bench.py): a row takes
an eighth of its size in memory, and writing it, hash and store included, less processor time than with plain
values, under LZ4 or under nothing. The bytes also depend on the pyarrow version (it signs its files), which the
lock file pins.

Fresh memory costs more than encoding does (the system clears every page of it), and a stream that grows by
doubling needs it several times over. So a part is encoded into a buffer that is surely large enough and that
the part before has used already.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_SETTINGS: dict[str, Any] = {
    "version": "2.6",
    "compression": "lz4",
    "use_dictionary": False,
    "write_statistics": False,
    "data_page_version": "1.0",
    "store_schema": True,
}
_DIFFERENCES = "DELTA_BINARY_PACKED"

#: Encoded, a flat value may take more than in memory: an int8 becomes 9 bits and its share of a header.
_LARGEST_FACTOR = 2
#: Headers, levels and footer of a column in a row group, many times over.
_COLUMN_ROOM = 64 << 10


def encode(groups: deque[pa.RecordBatch], schema: pa.Schema, into: pa.Buffer | None = None) -> pa.Buffer:
    """A Parquet file in memory with one row group for each of ``groups``, which is empty afterwards.

    Args:
        groups: the rows; each is taken out as it is encoded, so that its memory is free again.
        schema: their columns.
        into: see :func:`roomy`; without it the file is in memory of its own.

    Returns:
        The file, in ``into`` where that is given: use it before ``into`` is used again.
    """
    sink = pa.BufferOutputStream() if into is None else pa.FixedSizeBufferWriter(into)
    with pq.ParquetWriter(sink, schema, column_encoding=_encodings(schema), **_SETTINGS) as writer:
        while groups:
            group = groups.popleft()
            writer.write_table(pa.Table.from_batches([group]), row_group_size=group.num_rows)
    return sink.getvalue() if into is None else into.slice(0, sink.tell())


def roomy(buffer: pa.Buffer | None, groups: Iterable[pa.RecordBatch], schema: pa.Schema) -> pa.Buffer | None:
    """``buffer`` if any encoding of ``groups`` fits in it, or else a larger one; only what is written to takes
    memory. None for nested columns, whose largest size cannot be told.
    """
    if any(pa.types.is_nested(column.type) for column in schema):
        return None
    room = _COLUMN_ROOM
    for group in groups:
        room += _LARGEST_FACTOR * group.nbytes + _COLUMN_ROOM * len(schema)
    return buffer if buffer is not None and buffer.size >= room else pa.allocate_buffer(room)


def _encodings(schema: pa.Schema) -> dict[str, str] | None:
    kinds = pa.types
    return {
        column.name: _DIFFERENCES
        for column in schema
        if kinds.is_integer(column.type) or kinds.is_temporal(column.type)
    } or None

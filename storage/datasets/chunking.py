"""Rows cut into row groups at places that depend on the rows alone.

However the input comes in batches, the same rows make the same groups, and so the same Parquet bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from config.errors import DatasetError

#: A group is closed by the row that brings it to one of these. Small, so that readers hold little at a time.
GROUP_BYTES = 16 << 20
GROUP_ROWS = 1 << 17

_BOOL_BYTES = 1
_UNKNOWN_BYTES = 16


class RowGroup(NamedTuple):
    """Rows of a group, and the sum of their :func:`row_bytes`."""

    rows: pa.RecordBatch
    size: int


def row_groups(
    batches: Iterable[pa.RecordBatch],
    schema: pa.Schema,
    *,
    group_bytes: int = GROUP_BYTES,
    group_rows: int = GROUP_ROWS,
) -> Iterator[RowGroup]:
    """The rows of ``batches`` in the columns and types of ``schema``, cut anew; every group has a row.

    Raises:
        DatasetError: a batch lacks a column, has one too many, or one that does not fit its type.
    """
    pending: list[pa.RecordBatch] = []
    rows = size = 0
    for given in batches:
        batch = conform(given, schema)
        ends = np.cumsum(row_bytes(batch))
        start = 0
        while start < batch.num_rows:
            before = int(ends[start - 1]) if start else 0
            # the first row that fills the group, counted in this batch
            full = int(np.searchsorted(ends, before + group_bytes - size, side="left")) + 1
            stop = min(full, start + group_rows - rows, batch.num_rows)
            pending.append(batch.slice(start, stop - start))
            rows += stop - start
            size += int(ends[stop - 1]) - before
            start = stop
            if rows >= group_rows or size >= group_bytes:
                yield RowGroup(_joined(pending), size)
                pending, rows, size = [], 0, 0
    if pending:
        yield RowGroup(_joined(pending), size)


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    # the system's pool keeps memory of this size for the next group; Arrow's own would fetch and clear it anew
    return pa.concat_batches(batches, memory_pool=pa.system_memory_pool())


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """``batch`` with exactly the columns, order and types of ``schema``. Raises DatasetError."""
    if batch.schema.equals(schema) and not any(not field.nullable for field in schema):
        return batch
    present, wanted = set(batch.schema.names), set(schema.names)
    if present != wanted or len(batch.schema.names) != len(present):
        missing, extra = sorted(wanted - present), sorted(present - wanted)
        raise DatasetError(
            f"The rows do not have the columns of the schema: missing {missing}, unexpected {extra}."
        )
    return pa.RecordBatch.from_arrays([_fitting(batch.column(f.name), f) for f in schema], schema=schema)


def check_schema(schema: pa.Schema) -> pa.Schema:
    """``schema`` without metadata, which would make equal rows unequal bytes.

    Raises:
        DatasetError: it has no column, one twice, or a dictionary column, whose bytes depend on the batches.
    """
    names = schema.names
    if not names or len(set(names)) != len(names):
        raise DatasetError("A dataset version needs columns, each with a name of its own.")
    for column in schema:
        if pa.types.is_dictionary(column.type):
            raise DatasetError(
                f"Column '{column.name}' is a dictionary column.", hint="Use its plain value type."
            )
    return pa.schema([column.remove_metadata() for column in schema])


def row_bytes(batch: pa.RecordBatch) -> np.ndarray:
    """(rows,) int64: about how many bytes each row has, from its values alone."""
    total = np.zeros(batch.num_rows, np.int64)
    for column in batch.columns:
        total += _value_bytes(column)
    return total


def _value_bytes(column: pa.Array) -> np.ndarray | int:
    kind = column.type
    if pa.types.is_boolean(kind):
        return _BOOL_BYTES
    if _is_text(kind):
        return 4 + _lengths(pc.binary_length(column))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return 4 + _lengths(pc.list_value_length(column)) * _fixed_bytes(kind.value_type)
    if pa.types.is_struct(kind):
        return sum((_value_bytes(column.field(i)) for i in range(kind.num_fields)), 0)
    return _fixed_bytes(kind)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    return (
        types.is_string(kind)
        or types.is_binary(kind)
        or types.is_large_string(kind)
        or types.is_large_binary(kind)
    )


def _lengths(lengths: pa.Array) -> np.ndarray:
    known = pc.fill_null(lengths, 0) if lengths.null_count else lengths
    return known.to_numpy(zero_copy_only=False).astype(np.int64)


def _fixed_bytes(kind: pa.DataType) -> int:
    try:
        return max(1, int(kind.bit_width) // 8)
    except ValueError:
        return _UNKNOWN_BYTES


def _fitting(column: pa.Array, field: pa.Field) -> pa.Array:
    if column.type != field.type:
        try:
            column = column.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DatasetError(f"Column '{field.name}' does not fit {field.type}: {error}") from None
    if column.null_count and not field.nullable:
        raise DatasetError(f"Column '{field.name}' must not have missing values, and has {column.null_count}.")
    return column

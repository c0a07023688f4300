"""A part is encoded the same into memory that is used again as into memory of its own."""

from __future__ import annotations

from collections import deque

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from storage.datasets.encoding import encode, roomy

ROWS = 5_000
random = np.random.default_rng(7)
#: Of each kind, values that are hardest to make small.
HARD = {
    "int8": pa.array(random.integers(-128, 128, ROWS), pa.int8()),
    "uint16": pa.array(random.integers(0, 1 << 16, ROWS), pa.uint16()),
    "int64": pa.array(random.integers(-(1 << 63), 1 << 63, ROWS, endpoint=False)),
    "uint64": pa.array(random.integers(0, 1 << 64, ROWS, dtype=np.uint64)),
    "bool": pa.array(random.random(ROWS) < 0.5, mask=random.random(ROWS) < 0.5),
    "float16": pa.array(random.random(ROWS).astype(np.float16)),
    "float64": pa.array(random.random(ROWS)),
    "time": pa.array(random.integers(0, 1 << 62, ROWS), pa.timestamp("us", "UTC")),
    "seconds": pa.array(random.integers(0, 1 << 33, ROWS), pa.timestamp("s")),
    "date": pa.array(random.integers(0, 1 << 16, ROWS).astype(np.int32), pa.date32()),
    "duration": pa.array(random.integers(0, 1 << 62, ROWS), pa.duration("us")),
    "text": pa.array([chr(33 + number % 90) for number in random.integers(0, 90, ROWS)]),
    "bytes": pa.array([random.bytes(9) for _ in range(ROWS)]),
    "fixed": pa.array([random.bytes(7) for _ in range(ROWS)], pa.binary(7)),
    "decimal": pa.array(random.integers(0, 1 << 40, ROWS)).cast(pa.decimal128(22, 2)),
    "null": pa.nulls(ROWS),
}


@pytest.mark.parametrize("kind", HARD)
@pytest.mark.parametrize("rows", [0, 1, ROWS])
def test_every_kind_of_value_fits_and_comes_back(kind: str, rows: int) -> None:
    table = pa.table({"value": HARD[kind].slice(0, rows)})
    groups = deque(table.to_batches(max_chunksize=2_000))
    buffer = roomy(None, groups, table.schema)
    data = encode(groups.copy(), table.schema, buffer)
    assert data.equals(encode(groups, table.schema))
    assert not groups
    read = pq.read_table(pa.BufferReader(data))["value"]
    assert read.cast(table.schema.field("value").type).equals(table["value"])


def test_a_buffer_is_used_again_as_long_as_it_is_large_enough() -> None:
    small, large = (pa.record_batch({"value": HARD["int64"].slice(0, rows)}) for rows in (10, ROWS))
    first = roomy(None, [large], large.schema)
    assert roomy(first, [small], small.schema) is first
    second = roomy(first, [large] * 10, large.schema)
    assert first is not None
    assert second is not None
    assert second.size > first.size


def test_what_a_buffer_held_before_leaves_no_trace() -> None:
    batch = pa.record_batch({"value": HARD["text"]})
    buffer = roomy(None, [batch], batch.schema)
    first = encode(deque([batch]), batch.schema, buffer).to_pybytes()
    encode(deque([batch.slice(0, 17)]), batch.schema, buffer)
    assert encode(deque([batch]), batch.schema, buffer).to_pybytes() == first


def test_nested_values_are_encoded_in_memory_of_their_own() -> None:
    batch = pa.record_batch({"tags": pa.array([["a"], None, []]), "size": pa.array([{"w": 1, "h": 2}] * 3)})
    assert roomy(pa.allocate_buffer(10), [batch], batch.schema) is None
    data = encode(deque([batch]), batch.schema)
    assert pq.read_table(pa.BufferReader(data)).equals(pa.Table.from_batches([batch]))

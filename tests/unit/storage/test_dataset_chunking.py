"""Row groups depend on the rows, never on how they came in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import DatasetError
from storage.datasets.chunking import check_schema, row_bytes, row_groups

SCHEMA = pa.schema(
    [("id", pa.int32()), ("text", pa.string()), ("image", pa.binary()), ("tags", pa.list_(pa.int64()))]
)

rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.none() | st.integers(0, 100),
            "text": st.none() | st.text(max_size=30),
            "image": st.none() | st.binary(max_size=60),
            "tags": st.none() | st.lists(st.integers(0, 9), max_size=4),
        }
    ),
    max_size=40,
)


def cut(table: pa.Table, lengths: Sequence[int]) -> Iterator[pa.RecordBatch]:
    """The table as batches of the given lengths, over and over."""
    start, turn = 0, 0
    while start < table.num_rows:
        length = lengths[turn % len(lengths)]
        yield from table.slice(start, length).to_batches()
        start, turn = start + length, turn + 1


@given(rows, st.lists(st.integers(1, 15), min_size=1, max_size=4), st.integers(1, 400), st.integers(1, 20))
def test_any_cut_gives_the_same_groups(
    values: list[dict[str, object]], lengths: list[int], group_bytes: int, group_rows: int
) -> None:
    table = pa.Table.from_pylist(values, schema=SCHEMA)
    limits = {"group_bytes": group_bytes, "group_rows": group_rows}
    whole = list(row_groups(table.to_batches(), SCHEMA, **limits))
    pieces = list(row_groups(cut(table, lengths), SCHEMA, **limits))
    assert [(group.rows.num_rows, group.size) for group in whole] == [
        (group.rows.num_rows, group.size) for group in pieces
    ]
    assert pa.Table.from_batches([group.rows for group in pieces], SCHEMA).equals(table)
    assert all(1 <= group.rows.num_rows <= group_rows for group in pieces)
    for group in pieces:
        sizes = row_bytes(group.rows)
        assert group.size == sizes.sum()
        assert sizes[:-1].sum() < group_bytes  # only its last row may have filled it


def test_the_size_of_a_row_is_that_of_its_values() -> None:
    row = {"id": 1, "text": "abc", "image": b"12345", "tags": [1, 2]}
    batch = pa.RecordBatch.from_pylist([row, dict.fromkeys(SCHEMA.names)], schema=SCHEMA)
    assert row_bytes(batch).tolist() == [4 + 4 + 3 + 4 + 5 + 4 + 16, 4 + 4 + 4 + 4]


def test_columns_are_found_by_name_and_cast_to_the_schema() -> None:
    schema = pa.schema([("a", pa.int64()), ("b", pa.string())])
    ((group, _),) = row_groups([pa.record_batch({"b": ["x"], "a": pa.array([1], pa.int8())})], schema)
    assert group.schema == schema
    assert group.to_pylist() == [{"a": 1, "b": "x"}]


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (pa.record_batch({"a": [1]}), r"missing \['b'\], unexpected \[\]"),
        (pa.record_batch({"a": [1], "b": ["x"], "c": [1]}), r"missing \[\], unexpected \['c'\]"),
        (pa.record_batch({"a": ["no number"], "b": ["x"]}), "'a' does not fit int64"),
        (pa.record_batch({"a": pa.array([None], pa.int64()), "b": ["x"]}), "'a' must not have missing values"),
    ],
)
def test_rows_that_do_not_fit_the_schema_are_refused(batch: pa.RecordBatch, message: str) -> None:
    schema = pa.schema([pa.field("a", pa.int64(), nullable=False), ("b", pa.string())])
    with pytest.raises(DatasetError, match=message):
        list(row_groups([batch], schema))


def test_a_schema_has_distinct_plain_columns_and_no_metadata() -> None:
    marked = pa.schema([pa.field("a", pa.int64(), metadata={"x": "1"})], metadata={"pandas": "{}"})
    assert check_schema(marked).metadata is None
    assert check_schema(marked).field("a").metadata is None
    for bad in (
        pa.schema([]),
        pa.schema([("a", pa.int64()), ("a", pa.string())]),
        pa.schema([("a", pa.dictionary(pa.int32(), pa.string()))]),
    ):
        with pytest.raises(DatasetError):
            check_schema(bad)

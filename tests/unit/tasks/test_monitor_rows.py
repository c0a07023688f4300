"""Samples of rows: bounded, in order, and the same each time."""

from __future__ import annotations

from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.columns import TIME
from models.streams import RowStream
from storage.datasets.manifest import Manifest, Part
from tasks.monitor_rows import oldest, sample_of, sampled, thinned


def table(rows: int) -> pa.Table:
    return pa.table({"n": pa.array(range(rows), pa.int64())})


def batches(rows: int, cut: int) -> list[pa.RecordBatch]:
    return list(table(rows).to_batches(max_chunksize=cut))


@settings(deadline=None)
@given(rows=st.integers(0, 300), limit=st.integers(1, 80), cut=st.integers(1, 90), seed=st.integers(0, 3))
def test_a_sample_of_a_stream_is_the_sample_of_the_table(rows: int, limit: int, cut: int, seed: int) -> None:
    whole = sampled(table(rows), limit, seed)
    found = sample_of(batches(rows, cut), rows, limit, seed)
    assert whole.num_rows == min(rows, limit)
    assert (found["n"].to_pylist() if found else []) == whole["n"].to_pylist()
    assert all(before < after for before, after in pairwise(whole["n"].to_pylist()))


def test_another_seed_is_another_sample() -> None:
    one, other = (sampled(table(500), 50, seed)["n"].to_pylist() for seed in (1, 2))
    assert one != other


@pytest.mark.parametrize("room", [1, 100, 250, 10_000])
def test_of_a_large_version_some_parts_are_read_and_at_least_one(room: int) -> None:
    parts = [Part(f"p{number}", 100, 10 + number, "x" * 64) for number in range(6)]
    whole = Manifest("face", "full", "2026-10", 1, [], parts, 75, {}, {}, [], "tests")
    thin = thinned(whole, 7, room)
    assert 1 <= len(thin.parts) == max(1, min(room // 100, 6))
    assert thin.rows == sum(part.rows for part in thin.parts)
    assert [part for part in parts if part in thin.parts] == thin.parts
    assert thinned(whole, 7, room) == thin


@pytest.mark.parametrize("streamed", [False, True])
def test_the_oldest_rows_of_a_table_or_a_stream_stay_in_their_order(streamed: bool) -> None:
    found = pa.table({"at": pa.array([5, 1, 4, 2, 3], TIME)})
    rows = RowStream(found, found.to_batches) if streamed else found
    assert oldest(rows, "at", 3)["at"].cast(pa.int64()).to_pylist() == [1, 2, 3]
    assert oldest(rows, "at", 5) is rows

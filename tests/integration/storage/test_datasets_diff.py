"""What changed between two versions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import DatasetError, InputError
from storage.datasets import DatasetRepository, RowChange
from storage.datasets.diff import key_hashes
from storage.objects_local import LocalStore
from tests.integration.storage.datasets_world import KEY, SCHEMA, publish, rows


@pytest.fixture
def repository(local_store: LocalStore) -> DatasetRepository:
    return DatasetRepository(local_store, part_bytes=30_000)


def test_rows_are_added_removed_relabelled_or_unchanged(repository: DatasetRepository) -> None:
    old = publish(repository, rows(3000)).manifest
    labels = pa.array(["ultra" if n % 100 == 0 else None for n in range(3500)])
    new_rows = rows(3500).slice(500)
    corrected = pa.compute.coalesce(labels.slice(500), new_rows["label"].combine_chunks())
    new = publish(repository, new_rows.set_column(3, SCHEMA.field("label"), corrected)).manifest
    diff = repository.diff(old, new, KEY, "label")
    changed = sum(1 for n in range(500, 3000, 100) if rows(1, n)["label"][0].as_py() != "ultra")
    assert (diff.added, diff.removed, diff.relabelled) == (500, 500, changed)
    assert diff.unchanged == 2500 - changed
    assert [len(examples) for examples in (diff.added_examples, diff.removed_examples)] == [10, 10]
    first = diff.removed_examples[0]
    assert first.key == {"video_id": "video-0000000", "taken_at": datetime.fromtimestamp(1_700_000_000, UTC)}
    assert (first.before, first.after) == ("low", None)
    assert diff.added_examples[0].key["video_id"] == "video-0003000"
    assert diff.relabelled_examples[0] == RowChange(
        {
            "video_id": "video-0000500",
            "taken_at": datetime.fromtimestamp(1_700_000_000, UTC) + timedelta(seconds=500),
        },
        before="low",
        after="ultra",
    )
    assert diff.unchanged_examples[0].before == diff.unchanged_examples[0].after


def test_a_version_does_not_differ_from_itself(repository: DatasetRepository) -> None:
    manifest = publish(repository, rows(700)).manifest
    diff = repository.diff(manifest, manifest, KEY, "label")
    assert (diff.added, diff.removed, diff.relabelled, diff.unchanged) == (0, 0, 0, 700)


def test_against_an_empty_version_all_rows_are_added_or_removed(repository: DatasetRepository) -> None:
    empty = publish(repository, rows(0), period="2026-01").manifest
    full = publish(repository, rows(25), period="2026-02").manifest
    assert repository.diff(empty, full, KEY, "label").added == 25
    assert repository.diff(full, empty, KEY, "label").removed == 25
    assert repository.diff(empty, empty, KEY, "label").unchanged == 0


cells = st.dictionaries(
    st.tuples(
        st.sampled_from(["a", "b", "ab", "", "a:1", "1"]), st.none() | st.sampled_from(["", "b", "bc", "1:"])
    ),
    st.none() | st.sampled_from(["low", "high"]),
    max_size=12,
)
PAIR = pa.schema([("one", pa.string()), ("two", pa.string()), ("label", pa.string()), ("split", pa.string())])


def as_table(values: dict[tuple[str, str | None], str | None]) -> pa.Table:
    pairs = [{"one": one, "two": two, "label": label, "split": None} for (one, two), label in values.items()]
    return pa.Table.from_pylist(pairs, schema=PAIR)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=cells, new=cells)
def test_it_agrees_with_a_comparison_of_dictionaries(
    repository: DatasetRepository,
    old: dict[tuple[str, str | None], str | None],
    new: dict[tuple[str, str | None], str | None],
) -> None:
    a = publish(repository, as_table(old), period="2026-01").manifest
    b = publish(repository, as_table(new), period="2026-02").manifest
    diff = repository.diff(a, b, ["one", "two"], "label")
    shared = old.keys() & new.keys()
    assert diff.added == len(new.keys() - old.keys())
    assert diff.removed == len(old.keys() - new.keys())
    assert diff.relabelled == sum(old[key] != new[key] for key in shared)
    assert diff.unchanged == sum(old[key] == new[key] for key in shared)
    for change in diff.relabelled_examples:
        key = (change.key["one"], change.key["two"])
        assert (change.before, change.after) == (old[key], new[key])


def test_a_key_that_stands_twice_counts_once(repository: DatasetRepository) -> None:
    once = publish(repository, rows(5), period="2026-01").manifest
    twice = publish(repository, pa.concat_tables([rows(5), rows(5)]), period="2026-02").manifest
    assert repository.diff(once, twice, KEY, "label").unchanged == 5
    assert repository.diff(twice, once, KEY, "label").unchanged == 5


def test_hashes_do_not_depend_on_the_batch() -> None:
    whole = rows(100).to_batches()[0]
    assert key_hashes(whole, KEY)[60:].tolist() == key_hashes(whole.slice(60), KEY).tolist()
    assert len(set(key_hashes(whole, KEY).tolist())) == 100


def test_the_columns_must_be_there(repository: DatasetRepository) -> None:
    manifest = publish(repository, rows(5)).manifest
    with pytest.raises(DatasetError, match="no column user_id"):
        repository.diff(manifest, manifest, ["user_id"], "label")
    with pytest.raises(InputError, match="columns of the key"):
        repository.diff(manifest, manifest, [], "label")

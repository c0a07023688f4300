"""Dataset versions on either store: published once, found by name, verified on read."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.errors import DatasetError, InputError, StoreUnavailable, VersionCorrupt, VersionNotFound
from storage.datasets import DatasetRepository, Manifest
from storage.objects import ObjectStore
from storage.objects_local import LocalStore
from tests.integration.storage.datasets_world import SCHEMA, publish, rows


@pytest.fixture
def repository(store: ObjectStore) -> DatasetRepository:
    return DatasetRepository(store, part_bytes=30_000)


@pytest.fixture
def local(local_store: LocalStore) -> DatasetRepository:
    return DatasetRepository(local_store, part_bytes=30_000)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Row groups of 500 rows, so that a few thousand rows make several parts."""
    monkeypatch.setattr(
        "storage.datasets.chunking.row_groups.__kwdefaults__", {"group_bytes": 1 << 20, "group_rows": 500}
    )


def test_what_is_published_comes_back(repository: DatasetRepository, store: ObjectStore) -> None:
    table = rows(5000)
    published = publish(repository, table, details={"dropped": {"no outcome": 4}})
    manifest = published.manifest
    assert published.created
    assert repository.manifest("viral", "full", "2026-10") == manifest
    assert repository.table(manifest).equals(table)
    assert len(manifest.parts) > 2
    assert sum(part.rows for part in manifest.parts) == manifest.rows == 5000
    assert manifest.classes == {"low": 1250, "medium": 1250, "high": 1250, "ultra": 1250}
    assert manifest.split == {"test": 1000, "train": 4000}
    assert [column.type for column in manifest.schema][:2] == [
        "string not null",
        "timestamp[us, tz=UTC] not null",
    ]
    for part in manifest.parts:
        assert part.key == f"datasets/viral/full/2026-10/{part.sha256}.parquet"
        assert store.stat(part.key).size == part.size
    assert {info.key for info in store.list()} == {manifest.key, *(part.key for part in manifest.parts)}


def test_only_the_asked_columns_come_back_in_the_asked_order(repository: DatasetRepository) -> None:
    manifest = publish(repository, rows(1200)).manifest
    assert repository.table(manifest, ["label", "video_id"]).equals(rows(1200).select(["label", "video_id"]))
    with pytest.raises(DatasetError, match="no column likes"):
        repository.table(manifest, ["likes"])


def test_the_same_rows_publish_nothing_new(repository: DatasetRepository, store: ObjectStore) -> None:
    first = publish(repository, rows(3000), cut=1000)
    before = {info.key: (info.modified, info.etag) for info in store.list()}
    again = publish(repository, rows(3000), cut=77)
    assert not again.created
    assert again.manifest == first.manifest
    assert {info.key: (info.modified, info.etag) for info in store.list()} == before


def test_other_rows_become_the_next_revision(repository: DatasetRepository) -> None:
    first = publish(repository, rows(1000)).manifest
    second = publish(repository, rows(1001)).manifest
    back_to_first = publish(repository, rows(1000)).manifest
    assert [m.name for m in (first, second, back_to_first)] == [
        "viral/full/2026-10",
        "viral/full/2026-10.r2",
        "viral/full/2026-10.r3",
    ]
    assert second.supersedes == first.ref.sha256
    assert back_to_first.parts == first.parts
    assert repository.manifest("viral", "full", "2026-10") == back_to_first
    assert repository.manifest("viral", "full", "2026-10", 2) == second
    assert repository.table(first).equals(rows(1000))


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(1, 2500), count=st.integers(0, 2500))
def test_the_bytes_do_not_depend_on_the_batches(local: DatasetRepository, cut: int, count: int) -> None:
    whole = publish(local, rows(count), cut=10_000, period="2026-01").manifest
    pieces = publish(local, rows(count), cut=cut, period="2026-01")
    assert not pieces.created
    assert pieces.manifest == whole


def test_the_metadata_of_a_schema_makes_no_difference(local: DatasetRepository) -> None:
    first = publish(local, rows(10))
    second = publish(local, rows(10).replace_schema_metadata({"written": "by somebody else"}))
    assert not second.created
    assert second.manifest == first.manifest


def test_a_version_may_be_empty(repository: DatasetRepository) -> None:
    manifest = publish(repository, rows(0)).manifest
    assert (manifest.rows, manifest.classes, manifest.split) == (0, {}, {})
    assert repository.table(manifest).equals(rows(0))
    assert repository.table(manifest, ["label"]).schema.names == ["label"]
    assert not publish(repository, rows(0)).created


def test_rows_of_large_values_are_cut_in_small_groups(local: DatasetRepository) -> None:
    schema = pa.schema([("photo", pa.binary())])
    photos = pa.table({"photo": [bytes([n]) * 300_000 for n in range(20)]}, schema=schema)
    manifest = local.publish(
        family="face", stage="gold", period="base", schema=schema, batches=photos.to_batches(), made_by="tests",
        label=None, split=None,
    ).manifest  # fmt: skip
    batches = list(local.batches(manifest))
    assert max(batch.num_rows for batch in batches) <= 4
    assert pa.Table.from_batches(batches).equals(photos)
    assert manifest.classes == manifest.split == {}


def test_concurrent_publishers_of_the_same_rows_make_one_version(repository: DatasetRepository) -> None:
    with ThreadPoolExecutor(6) as pool:
        results = list(
            pool.map(lambda cut: publish(repository, rows(2500), cut=cut), [50, 99, 500, 640, 1000, 2500])
        )
    assert sum(result.created for result in results) == 1
    assert len({result.manifest.to_bytes() for result in results}) == 1
    assert [manifest.name for manifest in repository.list()] == ["viral/full/2026-10"]


def test_concurrent_publishers_of_other_rows_line_up(repository: DatasetRepository) -> None:
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda count: publish(repository, rows(count)), [100, 200, 300, 400]))
    manifests = repository.list()
    assert all(result.created for result in results)
    assert [manifest.revision for manifest in manifests] == [1, 2, 3, 4]
    assert sorted(manifest.rows for manifest in manifests) == [100, 200, 300, 400]
    for before, after in itertools.pairwise(manifests):
        assert after.supersedes == before.ref.sha256


class ForgetfulStore(LocalStore):
    """A store whose create-once is none, as some S3 stores have it."""

    def create(self, key: str, data: bytes) -> object:  # type: ignore[override]
        return self.put(key, data)


def test_a_lock_settles_it_where_the_store_cannot(tmp_path_factory: pytest.TempPathFactory) -> None:
    lock = threading.Lock()
    names = []

    @contextmanager
    def guard(name: str) -> Iterator[None]:
        with lock:
            names.append(name)
            yield

    repository = DatasetRepository(ForgetfulStore(tmp_path_factory.mktemp("forgetful")), guard)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda count: publish(repository, rows(count)), [100, 200, 300, 400]))
    assert [manifest.revision for manifest in repository.list()] == [1, 2, 3, 4]
    assert names == ["dataset:viral/full/2026-10"] * 4


def test_versions_are_found_as_people_name_them(repository: DatasetRepository) -> None:
    publish(repository, rows(10), period="2026-08")
    publish(repository, rows(20), period="2026-09")
    publish(repository, rows(30), period="2026-09")
    publish(repository, rows(40), stage="candidates", period="2026-11-03")
    publish(repository, rows(50), family="ctr", period="2026-12")
    assert repository.find("viral").rows == repository.find("viral/full").rows == 30
    assert repository.find("viral/full/2026-09").name == "viral/full/2026-09.r2"
    assert repository.find("viral/full/2026-08").rows == 10
    assert repository.find("viral/full/2026-09.r2").rows == 30
    assert repository.find("viral/candidates").rows == 40
    assert [m.rows for m in repository.list("viral", "full")] == [10, 20, 30]
    assert [m.rows for m in repository.list("viral")] == [40, 10, 20, 30]
    assert [m.rows for m in repository.list(stage="full")] == [50, 10, 20, 30]
    assert repository.latest("viral", "gold") is None


@pytest.mark.parametrize("name", ["viral", "viral/gold", "viral/full/2026-10", "viral/full/2026-10.r7"])
def test_what_was_never_published_is_not_found(repository: DatasetRepository, name: str) -> None:
    with pytest.raises(VersionNotFound, match="assay datasets list"):
        repository.find(name)


@pytest.mark.parametrize("name", ["", "viral/silver", "viral/full/lately", "a/b/c/d"])
def test_what_is_no_name_is_refused(local: DatasetRepository, name: str) -> None:
    with pytest.raises(InputError):
        local.find(name)


def damage(store: ObjectStore, manifest: Manifest, how: str) -> str:
    key = manifest.parts[1].key
    data = store.get(key)
    if how == "missing":
        store.delete(key)
    else:
        store.put(key, {"flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:], "short": data[:-1],
                        "long": data + b"x", "empty": b""}[how])  # fmt: skip
    return key


@pytest.mark.parametrize("how", ["missing", "flipped", "short", "long", "empty"])
def test_a_damaged_part_is_never_read_as_rows(
    repository: DatasetRepository, store: ObjectStore, how: str
) -> None:
    manifest = publish(repository, rows(5000)).manifest
    key = damage(store, manifest, how)
    seen: list[int] = []
    with pytest.raises(VersionCorrupt, match=f"viral/full/2026-10 is damaged.*{key}"):
        seen.extend(batch.num_rows for batch in repository.batches(manifest))
    assert sum(seen) == manifest.parts[0].rows


@pytest.mark.parametrize("how", ["missing", "short"])
def test_building_a_version_again_brings_a_lost_part_back(
    repository: DatasetRepository, store: ObjectStore, how: str
) -> None:
    manifest = publish(repository, rows(5000)).manifest
    damage(store, manifest, how)
    assert not publish(repository, rows(5000)).created
    assert repository.table(manifest).equals(rows(5000))


def test_a_reader_may_stop_early(local: DatasetRepository) -> None:
    manifest = publish(local, rows(5000)).manifest
    stream = local.batches(manifest)
    assert next(stream).num_rows == 500
    stream.close()  # type: ignore[attr-defined]


def test_a_source_that_fails_publishes_nothing(local: DatasetRepository) -> None:
    def broken() -> Iterator[pa.RecordBatch]:
        yield from rows(3000).to_batches(max_chunksize=100)
        raise StoreUnavailable("the source is gone")

    with pytest.raises(StoreUnavailable):
        local.publish(
            family="viral", stage="full", period="2026-10", schema=SCHEMA, batches=broken(), made_by="tests",
            label="label", split="split",
        )  # fmt: skip
    assert local.list() == []
    assert publish(local, rows(3000)).created


@pytest.mark.parametrize("column", ["label", "split"])
def test_counting_a_column_that_is_not_there_is_refused(local: DatasetRepository, column: str) -> None:
    options = {"label": None, "split": None, column: "nothing"}
    with pytest.raises(DatasetError, match="no column 'nothing'"):
        local.publish(
            family="viral",
            stage="full",
            period="2026-10",
            schema=SCHEMA,
            batches=[],
            made_by="tests",
            **options,
        )


def test_a_manifest_of_a_newer_assay_stops_a_publish_with_a_clear_error(
    local: DatasetRepository, local_store: LocalStore
) -> None:
    manifest = publish(local, rows(10)).manifest
    local_store.put(manifest.key, manifest.to_bytes().replace(b"assay-dataset/1", b"assay-dataset/2"))
    for ask in (lambda: local.find("viral"), local.list, lambda: publish(local, rows(11))):
        with pytest.raises(DatasetError, match="assay-dataset/2"):
            ask()

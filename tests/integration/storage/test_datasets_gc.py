"""Clean-up removes what nobody names, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.errors import DatasetError, StoreUnavailable
from storage.datasets import DatasetRepository
from storage.datasets.naming import part_key
from storage.objects import ObjectInfo, ObjectStore
from storage.objects_local import LocalStore
from tests.integration.storage.datasets_world import publish, rows

ORPHAN = part_key("viral/full/2026-10", "0" * 64)
HOUR = timedelta(hours=1)


def later() -> datetime:
    return datetime.now(UTC) + 2 * HOUR


@pytest.fixture
def repository(store: ObjectStore) -> DatasetRepository:
    return DatasetRepository(store)


@pytest.fixture
def local(local_store: LocalStore) -> DatasetRepository:
    return DatasetRepository(local_store)


def keys(found: list[ObjectInfo]) -> list[str]:
    return [info.key for info in found]


def test_orphans_are_found_and_removed_only_when_asked(
    repository: DatasetRepository, store: ObjectStore
) -> None:
    publish(repository, rows(10))
    store.put(ORPHAN, b"left by a killed writer")
    assert keys(repository.gc(older_than=HOUR, as_of=later(), delete=False)) == [ORPHAN]
    assert store.exists(ORPHAN)
    assert keys(repository.gc(older_than=HOUR, as_of=later(), delete=True)) == [ORPHAN]
    assert not store.exists(ORPHAN)
    assert repository.gc(older_than=HOUR, as_of=later(), delete=True) == []


def test_what_any_revision_of_any_family_names_stays(repository: DatasetRepository, store: ObjectStore) -> None:
    for count in (10, 20, 30):
        publish(repository, rows(count))
    publish(repository, rows(40), family="ctr", stage="candidates", period="2026-10-05")
    publish(repository, rows(0), family="face", stage="gold", period="base")
    before = keys(list(store.list()))
    assert repository.gc(older_than=timedelta(0), as_of=later(), delete=True) == []
    assert keys(list(store.list())) == before
    for manifest in repository.list():
        assert repository.table(manifest).num_rows == manifest.rows


def test_young_orphans_may_belong_to_a_publish_under_way(
    repository: DatasetRepository, store: ObjectStore
) -> None:
    store.put(ORPHAN, b"just written")
    assert repository.gc(older_than=HOUR, as_of=datetime.now(UTC), delete=True) == []
    assert store.exists(ORPHAN)


def test_what_is_not_a_part_is_never_touched(local: DatasetRepository, local_store: LocalStore) -> None:
    others = [
        "datasets/face/gold/photo.jpg",
        "mlflow/1/model.txt",
        "metadata/notes.txt",
        "datasets/readme.parquet",
    ]
    for key in others:
        local_store.put(key, b"somebody's")
    assert local.gc(older_than=timedelta(0), as_of=later(), delete=True) == []
    assert all(local_store.exists(key) for key in others)


def test_unfinished_writes_are_removed_too(local: DatasetRepository, local_store: LocalStore) -> None:
    local_store.put("a", b"1")
    left = local_store._unfinished / "left"
    left.write_bytes(b"half")
    assert keys(local.gc(older_than=HOUR, as_of=later(), delete=True)) == [".assay-tmp/left"]
    assert not left.exists()


@pytest.mark.parametrize("data", [b"no manifest", b'{"format": "assay-dataset/9"}'])
def test_a_manifest_that_cannot_be_read_stops_the_clean_up(
    local: DatasetRepository, local_store: LocalStore, data: bytes
) -> None:
    local_store.put("metadata/ctr/full/2026-10.json", data)
    local_store.put(ORPHAN, b"perhaps named by that manifest")
    with pytest.raises(DatasetError):
        local.gc(older_than=timedelta(0), as_of=later(), delete=True)
    assert local_store.exists(ORPHAN)


def test_a_part_left_by_a_killed_writer_is_young_again_once_a_new_run_uses_it(
    local: DatasetRepository, local_store: LocalStore
) -> None:
    import os

    manifest = publish(local, rows(10)).manifest
    local_store.delete(manifest.key)  # as if the writer had been killed before its commit
    part = local_store._path(manifest.parts[0].key)
    os.utime(part, (0, 0))

    class Before(LocalStore):
        """Cleans up at the worst moment: when all is written but the manifest."""

        def create(self, key: str, data: bytes) -> ObjectInfo:
            assert local.gc(older_than=HOUR, as_of=datetime.now(UTC), delete=True) == []
            return super().create(key, data)

    rerun = publish(DatasetRepository(Before(local_store._root)), rows(10))
    assert rerun.created
    assert local.table(rerun.manifest).equals(rows(10))


def test_a_clean_up_without_patience_makes_the_publish_fail_not_the_version(
    local: DatasetRepository, local_store: LocalStore
) -> None:
    """With a lock it comes wholly before a commit, which then sees that its parts are gone, or wholly after."""
    lock = threading.Lock()

    @contextmanager
    def guard(_name: str) -> Iterator[None]:
        with lock:
            yield

    class Swept(LocalStore):
        """The clean-up comes between the last part and the commit."""

        def put(self, key: str, data: Any) -> ObjectInfo:
            info = super().put(key, data)
            DatasetRepository(local_store, guard).gc(older_than=timedelta(0), as_of=later(), delete=True)
            return info

    with pytest.raises(DatasetError, match="gone before viral/full/2026-10 was published"):
        publish(DatasetRepository(Swept(local_store._root), guard), rows(10))
    assert local.list() == []
    assert publish(local, rows(10)).created


def test_clean_up_and_publishers_at_once_never_lose_a_published_part(local_store: LocalStore) -> None:
    lock = threading.Lock()

    @contextmanager
    def guard(_name: str) -> Iterator[None]:
        with lock:
            yield

    repository = DatasetRepository(local_store, guard)
    stop = threading.Event()

    def clean() -> None:
        while not stop.is_set():
            repository.gc(older_than=timedelta(0), as_of=later(), delete=True)

    cleaner = threading.Thread(target=clean)
    cleaner.start()
    published = refused = 0
    try:
        for count in range(1, 40):
            try:
                published += publish(repository, rows(count)).created
            except (DatasetError, StoreUnavailable):
                refused += 1
    finally:
        stop.set()
        cleaner.join()
    assert len(repository.list()) == published
    assert published + refused == 39
    for manifest in repository.list():
        assert repository.table(manifest).num_rows == manifest.rows

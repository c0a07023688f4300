"""What happens while a backup is written: another one waits, and what goes all the same is not passed over."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import psycopg
import pytest

from config.errors import BackupCorrupt
from storage.backups import BLOBS, Backup, BackupFolder
from storage.datasets import naming
from storage.datasets.manifest import Manifest
from storage.objects_local import LocalStore
from tasks import backup
from tasks.backup import check_backup
from tasks.platform import Platform
from tests.integration.tasks.backup_world import Place, Places, run
from tests.integration.tasks.test_audit import publish


@pytest.fixture
def target(tmp_path: Path) -> BackupFolder:
    return BackupFolder(LocalStore(tmp_path / "backups"))


class Interrupted(BackupFolder):
    """The same backups; just before the first index is written, something else happens."""

    def __init__(self, target: BackupFolder, meanwhile: Callable[[], None]) -> None:
        super().__init__(target.store)
        self.meanwhile: Callable[[], None] | None = meanwhile

    def commit(self, backup: Backup) -> None:
        happens, self.meanwhile = self.meanwhile, None
        if happens:
            happens()
        super().commit(backup)


class Beside:
    """A second backup in a thread, which the test follows until it waits for a lock, or is through."""

    def __init__(self, place: Place, work: Callable[[], object]) -> None:
        self._place, self._work = place, work
        self._thread = threading.Thread(target=self._run)
        self.failure: Exception | None = None

    def _run(self) -> None:
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - raised again in end()
            self.failure = error

    def start(self) -> None:
        self._thread.start()
        url = self._place.settings.database_url().replace("+psycopg", "")
        query = (
            "select count(*) from pg_locks join pg_database d on d.oid = database"
            " where d.datname = current_database() and locktype = 'advisory' and not granted"
        )
        with psycopg.connect(url, autocommit=True) as connection:
            while self._thread.is_alive() and connection.execute(query).fetchone() == (0,):
                time.sleep(0.02)

    def end(self) -> None:
        self._thread.join(60)
        if self.failure is not None:
            raise self.failure


def test_two_backups_that_overlap_and_prune_leave_whole_ones(places: Places, target: BackupFolder) -> None:
    place = places.new(migrated=True)
    store = LocalStore(place.settings.home / "objects" / place.settings.ml_artifacts_bucket)
    store.put("models/one", b"in the first one alone")
    second = Beside(place, lambda: run(place, target, minutes=5, keep=1))

    def meanwhile() -> None:
        store.delete("models/one")
        second.start()

    first = run(place, Interrupted(target, meanwhile), keep=2)
    assert target.names()[0] == first.name
    second.end()

    (kept,) = target.names()
    assert kept != first.name
    check_backup(target)


def test_a_backup_that_waited_for_one_that_pruned_writes_what_went(
    places: Places, target: BackupFolder
) -> None:
    place = places.new(migrated=True)
    store = LocalStore(place.settings.home / "objects" / place.settings.ml_artifacts_bucket)
    store.put("models/one", b"in the oldest backup alone")
    run(place, target)
    store.delete("models/one")
    second = Beside(place, lambda: run(place, target, minutes=10, keep=2))

    def meanwhile() -> None:  # the second looks at the backups and waits; then what it is to save comes back
        second.start()
        store.put("models/one", b"in the oldest backup alone")

    run(place, Interrupted(target, meanwhile), minutes=5, keep=1)
    second.end()

    assert [one.key for one in target.get().objects] == ["models/one"]
    for name in target.names():
        check_backup(target, name)


def test_a_backup_whose_blobs_were_removed_meanwhile_is_none(places: Places, target: BackupFolder) -> None:
    place = places.new(migrated=True)

    def meanwhile() -> None:
        for info in list(target.store.list(BLOBS)):
            target.store.delete(info.key)

    with pytest.raises(BackupCorrupt, match="are gone again"):
        run(place, Interrupted(target, meanwhile))
    assert target.names() == []


class Losing(LocalStore):
    """A store whose parts go between the listing and the copy."""

    def open(self, key: str) -> BinaryIO:
        if naming.series_of_part(key):
            self.delete(key)
        return super().open(key)


@pytest.fixture
def losing(places: Places, monkeypatch: pytest.MonkeyPatch) -> tuple[Place, Losing, Manifest]:
    """A platform with one version, whose part goes while the store is copied."""
    place = places.new(migrated=True)
    parts = Platform(place.settings)
    manifest = publish(parts, "full", "2026-09", "v1")
    parts.close()
    store = Losing(place.settings.home / "objects" / place.settings.ml_artifacts_bucket)
    monkeypatch.setattr(backup, "open_store", lambda _settings: store)
    return place, store, manifest


def test_a_backup_with_a_version_whose_part_went_meanwhile_is_none(
    losing: tuple[Place, Losing, Manifest], target: BackupFolder
) -> None:
    place, _, manifest = losing
    with pytest.raises(BackupCorrupt, match=f"{manifest.name} .*Run it again"):
        run(place, target)
    assert target.names() == []


@pytest.mark.parametrize("mark", [naming.erased_key, naming.retired_key])
def test_what_an_erased_or_retired_version_names_may_go(
    losing: tuple[Place, Losing, Manifest], target: BackupFolder, mark: Callable[..., str]
) -> None:
    place, store, manifest = losing
    store.put(mark(manifest.family, manifest.stage, manifest.period, manifest.revision), b"{}")

    report = run(place, target)

    assert list(report.left_out) == [manifest.parts[0].key]
    check_backup(target)

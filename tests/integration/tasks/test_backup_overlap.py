"""Two backups that overlap take turns, from the first look at what is there to the last blob removed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from config.errors import BackupCorrupt
from storage.backups import BLOBS, Backup, BackupFolder
from storage.objects_local import LocalStore
from tasks.backup import check_backup
from tests.integration.tasks.backup_world import Place, Places, run


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

"""Bringing a backup into an empty place: checked whole before anything is written, and counted afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import BackupCorrupt, InputError
from config.settings import Settings
from storage.backups import Backup, BackupFolder, SavedDatabase, SavedObject
from storage.datasets import naming
from storage.dumps import load, require_empty, row_counts, snapshot
from storage.objects import ObjectStore, open_store
from tasks.backup import THREADS, Told, check_backup, scratch
from tasks.backup_databases import PLATFORM, Databases, databases_for, engine_of


@dataclass
class RestoreReport:
    """What was restored: rows by database, and objects; and which databases were not, with what to do."""

    name: str
    rows: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    bytes: int = 0
    left_out: Mapping[str, str] = field(default_factory=dict)


def restore(
    settings: Settings,
    source: BackupFolder,
    name: str | None = None,
    *,
    programs: Path,
    databases: Mapping[str, str] | None = None,
    without: Collection[str] = (),
    told: Told = lambda _: None,
) -> RestoreReport:
    """Bring a backup into an empty place: databases without tables, and an empty bucket of artifacts.

    The whole backup is read first, so that a damaged one is refused while the place is still empty. Then
    come the objects, and databases last, the platform's own at the very end: what was interrupted is not taken
    for a platform. Afterwards the rows of each table are counted and compared with the backup's.

    Args:
        settings: the new place.
        source: where backups are kept.
        name: which one; None: the latest.
        programs: the folder of pg_restore.
        databases: role -> name; None: all that the backup has, as :func:`databases_for` finds them.
        without: roles that are left out (mlflow, prefect).
        told: called with what is being done.

    Raises:
        InputError: the place is not empty, a database is to be made first, or the backup lacks one that the
            platform keeps itself. Nothing was written.
        BackupCorrupt: a blob is missing or altered, and nothing was written; or a table has other rows than it
            had.
        DatabaseError, StoreError: it did not finish; empty the place and run it again.
    """
    backup = source.get(name)
    chosen = Databases(databases) if databases is not None else databases_for(settings, backup, without)
    saved = {one.role: one for one in backup.databases}
    if missing := sorted(set(chosen.names) - set(saved)):
        raise InputError(f"The backup {backup.name} has no database of {', '.join(missing)}.")
    store = open_store(settings)
    _require_empty_place(settings, store, chosen.names)
    check_backup(source, backup.name, told=told)
    report = RestoreReport(backup.name, left_out=chosen.left_out)
    with scratch(settings) as folder:
        told("Copying the objects ...")
        _restore_objects(store, source, backup, folder, report)
        for role in sorted(chosen.names, key=lambda role: role == PLATFORM):
            database = chosen.names[role]
            told(f"Restoring the database {database} ...")
            source.fetch(saved[role].sha256, folder / role)
            load(settings, database, folder / role, programs=programs)
            report.rows[role] = _compare(settings, database, saved[role])
    return report


def _require_empty_place(settings: Settings, store: ObjectStore, names: Mapping[str, str]) -> None:
    first = next(store.list(), None)
    if first is not None:
        raise InputError(
            f"The bucket {settings.ml_artifacts_bucket} is not empty: it has {first.key}.",
            hint="Restore into a new bucket (ML_ARTIFACTS_BUCKET), or a new ASSAY_HOME; nothing is ever"
            " overwritten.",
        )
    for name in names.values():
        with engine_of(settings, name) as engine:
            require_empty(engine)


def _restore_objects(
    store: ObjectStore, source: BackupFolder, backup: Backup, folder: Path, report: RestoreReport
) -> None:
    def one(saved: SavedObject) -> int:
        path = folder / hashlib.sha256(saved.key.encode()).hexdigest()
        try:
            source.fetch(saved.sha256, path)
            store.put(saved.key, path)
        finally:
            path.unlink(missing_ok=True)
        return saved.size

    # parts before manifests, as who publishes writes them
    ordered = sorted(backup.objects, key=lambda each: bool(naming.parse_manifest_key(each.key)))
    with ThreadPoolExecutor(THREADS, thread_name_prefix="restore") as pool:
        for size in pool.map(one, ordered):
            report.objects += 1
            report.bytes += size


def _compare(settings: Settings, name: str, saved: SavedDatabase) -> int:
    with engine_of(settings, name) as engine, snapshot(engine) as (connection, _):
        rows = row_counts(connection)
    differing = sorted(table for table in {*rows, *saved.rows} if rows.get(table) != saved.rows.get(table))
    if differing:
        table = differing[0]
        raise BackupCorrupt(
            f"After restoring, {table} of '{name}' has {rows.get(table, 0):,} rows, and had"
            f" {saved.rows.get(table, 0):,}."
        )
    return sum(rows.values())

"""Backups of the databases and the object store, consistent with one another, and their restoring.

The databases are dumped first, at one moment, while no version is promoted; then the store is copied. What a
database names was in the store before, and is never changed there, so that the copy has it. A manifest that the
dumped register does not know, because it was published in between, is left out: the next backup has it.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, text

from config.errors import BackupCorrupt, InputError, ObjectNotFound
from config.settings import Settings
from models.family import FAMILIES
from registry.code import code_version
from registry.promotion import lock_name
from storage.backups import Backup, BackupFolder, SavedDatabase, SavedObject, read_pieces
from storage.database import advisory_guard, make_engine
from storage.datasets import naming
from storage.dumps import dump, load, require_empty, row_counts, snapshot
from storage.objects import ObjectInfo, ObjectStore, open_store

PLATFORM, MLFLOW, PREFECT = "platform", "mlflow", "prefect"
#: Copying waits for the disk and the network.
THREADS = 4
Told = Callable[[str], None]


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds and what it cost: ``written`` and ``written_bytes`` are blobs that are new."""

    name: str
    databases: Mapping[str, int]
    rows: int
    objects: int
    bytes: int
    written: int
    written_bytes: int
    left_out: Sequence[str] = ()


@dataclass
class RestoreReport:
    """What was restored: rows by database, and objects."""

    name: str
    rows: dict[str, int] = field(default_factory=dict)
    objects: int = 0
    bytes: int = 0


def databases_of(settings: Settings) -> dict[str, str]:
    """Role -> name of the databases that are the platform's own."""
    found = {PLATFORM: settings.db_name}
    if settings.mlflow_tracking_uri is None:
        found[MLFLOW] = settings.mlflow_db_name
    if settings.prefect_api_url is None:
        found[PREFECT] = settings.prefect_db_name
    return found


def back_up(
    settings: Settings,
    target: BackupFolder,
    *,
    programs: Path,
    at: datetime,
    databases: Mapping[str, str] | None = None,
    told: Told = lambda _: None,
) -> BackupReport:
    """Write a backup of everything into ``target``; what is there already is not written again.

    Args:
        settings: the platform.
        target: where backups are kept.
        programs: the folder of pg_dump.
        at: now.
        databases: role -> name; None: those of the settings.
        told: called with what is being done.

    Raises:
        DatabaseError, StoreError: nothing counts as a backup; run it again.
        BackupCorrupt: what was written cannot be read back.
    """
    engine, store = make_engine(settings), open_store(settings)
    names = dict(databases or databases_of(settings))
    known = target.blobs()
    written: dict[str, int] = {}
    try:
        with _scratch(settings) as folder:
            saved, register = _dump_all(settings, engine, names, folder, programs, told)
            for one in saved:
                told(f"Writing the database {names[one.role]} ...")
                _put(target, one.sha256, folder / one.role, one.size, known, written)
            objects, left_out = _copy(store, target, register, folder, known, written, told)
    finally:
        engine.dispose()
    backup = Backup(at.astimezone(UTC).isoformat(), code_version(), saved, objects)
    target.commit(backup)
    return BackupReport(
        name=backup.name,
        databases={one.role: one.size for one in saved},
        rows=sum(sum(one.rows.values()) for one in saved),
        objects=len(objects),
        bytes=sum(backup.blobs.values()),
        written=len(written),
        written_bytes=sum(written.values()),
        left_out=left_out,
    )


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    parent = settings.home / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=parent) as name:
        yield Path(name)


def _dump_all(
    settings: Settings, engine: Engine, names: Mapping[str, str], folder: Path, programs: Path, told: Told
) -> tuple[list[SavedDatabase], set[str]]:
    """The dumps in ``folder``, and the manifests that the platform's register knows at that moment."""
    guard = advisory_guard(engine)
    rows: dict[str, dict[str, int]] = {}
    with ExitStack() as held:
        # a promotion is an alias in MLflow and a row in our database: both, or neither
        for family in sorted(FAMILIES):
            held.enter_context(guard(lock_name(family)))
        for role, name in names.items():
            told(f"Dumping the database {name} ...")
            with _engine_of(settings, name) as one, snapshot(one) as (connection, moment):
                rows[role] = row_counts(connection)
                dump(settings, name, folder / role, programs=programs, at=moment)
                if role == PLATFORM:
                    register = {naming.manifest_key(*key) for key in _registered(connection)}
    saved = [SavedDatabase(role, *_digest(folder / role), rows[role]) for role in names]
    return saved, register


def _registered(connection: Connection) -> Iterator[tuple[str, str, str, int]]:
    query = text("select family, stage, period, revision from dataset_versions")
    yield from ((row[0], row[1], row[2], row[3]) for row in connection.execute(query))


@contextmanager
def _engine_of(settings: Settings, name: str) -> Iterator[Engine]:
    engine = make_engine(settings.model_copy(update={"db_name": name}), pool_size=1)
    try:
        yield engine
    finally:
        engine.dispose()


def _copy(
    store: ObjectStore,
    target: BackupFolder,
    register: set[str],
    folder: Path,
    known: dict[str, int],
    written: dict[str, int],
    told: Told,
) -> tuple[list[SavedObject], list[str]]:
    """Each object of the store as a blob. One that has not changed since the last backup is not even read."""
    before = _last(target)
    left_out: list[str] = []

    def one(info: ObjectInfo) -> SavedObject | None:
        if naming.parse_manifest_key(info.key) and info.key not in register:
            left_out.append(info.key)
            return None
        was = before.get(info.key)
        modified = info.modified.isoformat()
        if (
            was
            and (was.size, was.modified, was.etag) == (info.size, modified, info.etag)
            and was.sha256 in known
        ):
            return was
        path = folder / hashlib.sha256(info.key.encode()).hexdigest()
        try:
            sha256, size = _fetch(store, info.key, path)
            _put(target, sha256, path, size, known, written)
        except ObjectNotFound:  # removed meanwhile, as by a clean-up: nothing names it any more
            left_out.append(info.key)
            return None
        finally:
            path.unlink(missing_ok=True)
        return SavedObject(info.key, size, sha256, modified, info.etag)

    told("Copying the object store ...")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="backup") as pool:
        found = [saved for saved in pool.map(one, store.list()) if saved is not None]
    return found, sorted(left_out)


def _last(target: BackupFolder) -> dict[str, SavedObject]:
    names = target.names()
    return {one.key: one for one in target.get(names[-1]).objects} if names else {}


def _fetch(store: ObjectStore, key: str, path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with store.open(key) as source, path.open("wb") as copy:
        for piece in read_pieces(source):
            digest.update(piece)
            size += len(piece)
            copy.write(piece)
    return digest.hexdigest(), size


def _digest(path: Path) -> tuple[str, int]:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), path.stat().st_size


def _put(
    target: BackupFolder, sha256: str, path: Path, size: int, known: dict[str, int], written: dict[str, int]
) -> None:
    if known.get(sha256) == size:
        return
    target.put(sha256, path)
    known[sha256] = written[sha256] = size


def check_backup(target: BackupFolder, name: str | None = None, *, told: Told = lambda _: None) -> Backup:
    """Read every blob of a backup. Raises BackupCorrupt, which names the first that is not right."""
    backup = target.get(name)
    told(f"Reading backup {backup.name} ...")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="backup") as pool:
        for _ in pool.map(target.check, backup.blobs):
            pass
    return backup


def restore(
    settings: Settings,
    source: BackupFolder,
    name: str | None = None,
    *,
    programs: Path,
    databases: Mapping[str, str] | None = None,
    told: Told = lambda _: None,
) -> RestoreReport:
    """Bring a backup into an empty place: databases without tables, and an empty bucket of artifacts.

    Objects come first and databases last, the platform's own at the very end: what was interrupted is not taken
    for a platform. Afterwards the rows of each table are counted and compared with the backup's.

    Raises:
        InputError: the place is not empty, or the backup lacks a database that this platform keeps itself.
        BackupCorrupt: a blob is missing or altered, or a table has other rows than it had.
        DatabaseError, StoreError: it did not finish; empty the place and run it again.
    """
    backup = source.get(name)
    names = dict(databases or databases_of(settings))
    saved = {one.role: one for one in backup.databases}
    if missing := sorted(set(names) - set(saved)):
        raise InputError(
            f"The backup {backup.name} has no database of {', '.join(missing)}.",
            hint="It was made of a platform that used a server of somebody else for it.",
        )
    store = open_store(settings)
    _require_empty_place(settings, store, names)
    report = RestoreReport(backup.name)
    with _scratch(settings) as folder:
        told("Copying the objects ...")
        _restore_objects(store, source, backup, folder, report)
        for role in sorted(names, key=lambda role: role == PLATFORM):
            told(f"Restoring the database {names[role]} ...")
            source.fetch(saved[role].sha256, folder / role)
            load(settings, names[role], folder / role, programs=programs)
            report.rows[role] = _compare(settings, names[role], saved[role])
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
        with _engine_of(settings, name) as engine:
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
    with _engine_of(settings, name) as engine, snapshot(engine) as (connection, _):
        rows = row_counts(connection)
    differing = sorted(table for table in {*rows, *saved.rows} if rows.get(table) != saved.rows.get(table))
    if differing:
        table = differing[0]
        raise BackupCorrupt(
            f"After restoring, {table} of '{name}' has {rows.get(table, 0):,} rows, and had"
            f" {saved.rows.get(table, 0):,}."
        )
    return sum(rows.values())

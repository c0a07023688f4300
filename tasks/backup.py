"""Backups of the databases and the object store, consistent with one another.

The databases are dumped first, as they were at one moment; then the store is copied. What a database names was
in the store before, and is never changed there, so that the copy has it. A manifest that the dumped register
does not know, because it was published in between, is left out: the next backup has it. Neither retention nor
the forgetting of a person deletes anything meanwhile, and no other backup of the same platform is written or
pruned: a blob that one of them relies on, and has not named in an index yet, must not go.
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

from config.errors import BackupCorrupt, ObjectNotFound
from config.settings import Settings
from models.family import FAMILIES
from registry.code import code_version
from registry.promotion import lock_name
from storage.backups import Backup, BackupFolder, SavedDatabase, SavedObject, read_pieces
from storage.database import advisory_guard, make_engine
from storage.datasets import naming
from storage.datasets.manifest import Manifest
from storage.dumps import dump, row_counts, snapshot
from storage.objects import ObjectInfo, ObjectStore, open_store
from storage.retention import STORE_LOCK
from tasks.backup_databases import PLATFORM, Databases, databases_of, engine_of

#: Copying waits for the disk and the network.
THREADS = 4
#: Whoever deletes by retention, forgets a person, or writes another backup is waited for so long.
GUARD_SECONDS = 60.0
Told = Callable[[str], None]


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds and what it cost: ``written`` and ``written_bytes`` are blobs that are new.

    ``left_out`` are objects that came or went meanwhile; ``databases_left_out`` says of a database that lies
    elsewhere (role -> why, and what to do). ``removed`` are older backups that went, and ``freed`` their bytes.
    """

    name: str
    databases: Mapping[str, int]
    rows: int
    objects: int
    bytes: int
    written: int
    written_bytes: int
    left_out: Sequence[str] = ()
    databases_left_out: Mapping[str, str] = field(default_factory=dict)
    removed: Sequence[str] = ()
    freed: int = 0


def back_up(
    settings: Settings,
    target: BackupFolder,
    *,
    programs: Path,
    at: datetime,
    databases: Mapping[str, str] | None = None,
    keep: int | None = None,
    told: Told = lambda _: None,
) -> BackupReport:
    """Write a backup of everything into ``target``; what is there already is not written again.

    Args:
        settings: the platform.
        target: where backups are kept.
        programs: the folder of pg_dump.
        at: now.
        databases: role -> name; None: those that :func:`databases_of` finds.
        keep: remove all but so many of the newest backups then; None: none.
        told: called with what is being done.

    Raises:
        InputError: the database of a service that the platform starts itself is not there.
        DatabaseError, StoreError: nothing counts as a backup, unless it happened while older ones were removed;
            run it again. Also where retention, the forgetting of a person or another backup is at work.
        BackupCorrupt: what was written cannot be read back, or is gone again; or a part of a version went
            before it was copied.
    """
    engine, store = make_engine(settings), open_store(settings)
    written: dict[str, int] = {}
    removed: list[str] = []
    freed = 0
    try:
        with advisory_guard(engine, GUARD_SECONDS)(STORE_LOCK), scratch(settings) as folder:
            chosen = Databases(databases) if databases is not None else databases_of(settings)
            known = target.blobs()  # under the lock: another run may have pruned while this one waited
            saved, register = _dump_all(settings, engine, chosen.names, folder, programs, told)
            for one in saved:
                told(f"Writing the database {chosen.names[one.role]} ...")
                _put(target, one.sha256, folder / one.role, one.size, known, written)
            objects, left_out = _copy(store, target, register, folder, known, written, told)
            backup = Backup(at.astimezone(UTC).isoformat(), code_version(), saved, objects)
            target.commit(backup)
            if keep is not None:
                told("Removing older backups ...")
                removed, freed = target.prune(keep)
    finally:
        engine.dispose()
    return BackupReport(
        name=backup.name,
        databases={one.role: one.size for one in saved},
        rows=sum(sum(one.rows.values()) for one in saved),
        objects=len(objects),
        bytes=sum(backup.blobs.values()),
        written=len(written),
        written_bytes=sum(written.values()),
        left_out=left_out,
        databases_left_out=chosen.left_out,
        removed=removed,
        freed=freed,
    )


@contextmanager
def scratch(settings: Settings) -> Iterator[Path]:
    """A folder for copies on their way, gone after the block."""
    parent = settings.home / "tmp"
    parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="backup-", dir=parent) as name:
        yield Path(name)


def _dump_all(
    settings: Settings, engine: Engine, names: Mapping[str, str], folder: Path, programs: Path, told: Told
) -> tuple[list[SavedDatabase], set[str]]:
    """The dumps in ``folder``, and the manifests that the platform's register knows at that moment."""
    rows: dict[str, dict[str, int]] = {}
    with ExitStack() as held:
        moments = _moments(settings, engine, names, held)
        for role, name in names.items():
            told(f"Dumping the database {name} ...")
            connection, moment = moments[role]
            rows[role] = row_counts(connection)
            dump(settings, name, folder / role, programs=programs, at=moment)
        register = {naming.manifest_key(*key) for key in _registered(moments[PLATFORM][0])}
    saved = [SavedDatabase(role, *_digest(folder / role), rows[role]) for role in names]
    return saved, register


def _moments(
    settings: Settings, engine: Engine, names: Mapping[str, str], held: ExitStack
) -> dict[str, tuple[Connection, str]]:
    """A snapshot of each database, open as long as ``held``; nothing is promoted between the first and the
    last.

    The platform's comes last: who trains puts the dataset into our register first and then the model into
    MLflow's, so that a model which MLflow's snapshot has was learned from a dataset which ours has. Prefect's,
    for the same reason, has no run as completed whose rows ours lacks.
    """
    guard = advisory_guard(engine)
    found = {}
    with ExitStack() as locks:
        # a promotion is an alias in MLflow and a row in our database: both, or neither
        for family in sorted(FAMILIES):
            locks.enter_context(guard(lock_name(family)))
        for role in sorted(names, key=lambda role: role == PLATFORM):
            found[role] = held.enter_context(snapshot(held.enter_context(engine_of(settings, names[role]))))
    return found


def _registered(connection: Connection) -> Iterator[tuple[str, str, str, int]]:
    query = text("select family, stage, period, revision from dataset_versions")
    yield from ((row[0], row[1], row[2], row[3]) for row in connection.execute(query))


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
        except ObjectNotFound:  # removed meanwhile, as by a clean-up; _require_parts looks whether it matters
            left_out.append(info.key)
            return None
        finally:
            path.unlink(missing_ok=True)
        return SavedObject(info.key, size, sha256, modified, info.etag)

    told("Copying the object store ...")
    with ThreadPoolExecutor(THREADS, thread_name_prefix="backup") as pool:
        found = [saved for saved in pool.map(one, store.list()) if saved is not None]
    _require_parts(target, found, left_out)
    return found, sorted(left_out)


def _require_parts(target: BackupFolder, found: Sequence[SavedObject], left_out: Sequence[str]) -> None:
    """Raise BackupCorrupt where a version of the copy that can be read names a part that is not in it."""
    gone = {key for key in left_out if naming.series_of_part(key)}
    copied = {one.key: one.sha256 for one in found}
    for key, sha256 in copied.items() if gone else ():
        place = naming.parse_manifest_key(key)
        if not place or naming.erased_key(*place) in copied or naming.retired_key(*place) in copied:
            continue
        manifest = Manifest.from_bytes(b"".join(target.pieces(sha256)), key)
        if lost := sorted(gone & {part.key for part in manifest.parts}):
            raise BackupCorrupt(
                f"A part of {manifest.name} was removed while the store was copied: {lost[0]}.",
                hint="Run it again. If it says so again, `assay verify` tells what the platform itself lacks.",
            )


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

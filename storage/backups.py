"""What a backup is: blobs named by their SHA-256, and an index that says what they are.

The index is written last and once: a backup exists when its index exists. A blob that an earlier backup wrote
is not written again, so that each backup is whole, and costs what changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from config.errors import BackupCorrupt, InputError, ObjectNotFound
from storage.objects import RESERVED_SEGMENT, ObjectStore

FORMAT = "assay-backup/1"
INDEXES, BLOBS = "backups/", "blobs/"
READ_BYTES = 1 << 20
_PRIVATE, _OTHERS = 0o700, 0o077


@dataclass(frozen=True)
class SavedDatabase:
    """One database: ``role`` is platform, mlflow or prefect; ``rows`` by table, counted at that moment."""

    role: str
    sha256: str
    size: int
    rows: dict[str, int]


@dataclass(frozen=True)
class SavedObject:
    """One object of the artifacts bucket; ``etag`` and ``modified`` tell whether it has changed since."""

    key: str
    size: int
    sha256: str
    modified: str
    etag: str | None = None


@dataclass(frozen=True)
class Backup:
    """One backup, by the moment of its databases (UTC, ISO)."""

    at: str
    code: str
    databases: list[SavedDatabase]
    objects: list[SavedObject]

    @property
    def name(self) -> str:
        """``20261129T054000Z``: sorts by time."""
        return name_of(datetime.fromisoformat(self.at))

    @property
    def blobs(self) -> dict[str, int]:
        """SHA-256 -> size of all that it needs."""
        saved: list[SavedDatabase | SavedObject] = [*self.databases, *self.objects]
        return {one.sha256: one.size for one in saved}

    def to_bytes(self) -> bytes:
        """The index, as JSON with a checksum of its own."""
        fields = asdict(self)
        body = json.dumps(fields, sort_keys=True, ensure_ascii=False)
        seal = hashlib.sha256(body.encode()).hexdigest()
        return json.dumps({"format": FORMAT, "sha256": seal, "backup": fields}, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, data: bytes, key: str) -> Backup:
        """The backup under ``key``. Raises BackupCorrupt."""
        try:
            outer = json.loads(data)
            fields: dict[str, Any] = outer["backup"]
            body = json.dumps(fields, sort_keys=True, ensure_ascii=False)
            sound = outer["format"] == FORMAT and hashlib.sha256(body.encode()).hexdigest() == outer["sha256"]
            found = cls(
                fields["at"],
                fields["code"],
                [SavedDatabase(**one) for one in fields["databases"]],
                [SavedObject(**one) for one in fields["objects"]],
            )
        except (ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            raise BackupCorrupt(f"The index '{key}' is not that of a backup, or was altered.")
        return found


def name_of(at: datetime) -> str:
    """The name of a backup of that moment."""
    return f"{at:%Y%m%dT%H%M%SZ}"


def blob_key(sha256: str) -> str:
    """Where a blob lies."""
    return f"{BLOBS}{sha256[:2]}/{sha256}"


def keep_private(folder: Path) -> None:
    """Close a local folder of backups, made where it is not there, to all accounts but its owner's: everybody's
    rows and pictures are in it.

    One that holds other things too, or is meant for all, as ``/tmp``, keeps its mode: what is ours in it is
    closed. What another account owns stays as it is, and so does what a disk without modes holds.
    """
    ours = [folder / name for name in (INDEXES, BLOBS, RESERVED_SEGMENT)]
    with suppress(OSError):  # the first write to it says what is wrong
        folder.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
        if set(folder.iterdir()) <= set(ours) and not folder.stat().st_mode & stat.S_ISVTX:
            ours.append(folder)
        for path in ours:
            path.mkdir(mode=_PRIVATE, exist_ok=True)
    for path in ours:
        with suppress(OSError):
            found = path.stat()
            if found.st_uid == os.geteuid() and found.st_mode & _OTHERS:
                path.chmod(stat.S_IMODE(found.st_mode) & ~_OTHERS)


class BackupFolder:
    """All backups in one store."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def names(self) -> list[str]:
        """Names of the backups, oldest first."""
        keys = (info.key for info in self.store.list(INDEXES))
        return [key.removeprefix(INDEXES).removesuffix(".json") for key in keys if key.endswith(".json")]

    def get(self, name: str | None = None) -> Backup:
        """One backup, or the latest.

        Raises:
            InputError: there is none of that name.
            BackupCorrupt: its index was altered.
        """
        names = self.names()
        if not names or (name is not None and name not in names):
            raise InputError(
                f"There is no backup{f' {name}' if name else ''} there.",
                hint=f"There are: {', '.join(names[-5:])}." if names else "`assay backup` makes one.",
            )
        key = f"{INDEXES}{name or names[-1]}.json"
        return Backup.from_bytes(self.store.get(key), key)

    def commit(self, backup: Backup) -> None:
        """Write the index, once.

        Raises:
            ObjectExists: there is a backup of that name.
            BackupCorrupt: a blob that it names is not there (any more), or has another size.
        """
        there = self.blobs()
        if gone := [sha256 for sha256, size in backup.blobs.items() if there.get(sha256) != size]:
            raise BackupCorrupt(
                f"{len(gone)} blobs of the backup {backup.name} are gone again, first {blob_key(gone[0])}.",
                hint="Somebody removes files there, or another platform keeps backups there. Run it again.",
            )
        self.store.create(f"{INDEXES}{backup.name}.json", backup.to_bytes())

    def blobs(self) -> dict[str, int]:
        """SHA-256 -> size of the blobs that are there."""
        return {info.key.rsplit("/", 1)[-1]: info.size for info in self.store.list(BLOBS)}

    def put(self, sha256: str, path: Path) -> None:
        """Write a blob, read it again, and compare. Raises BackupCorrupt."""
        self.store.put(blob_key(sha256), path)
        self.check(sha256)

    def check(self, sha256: str) -> int:
        """Read a blob and compare it with its name; gives its size. Raises BackupCorrupt."""
        digest, size = hashlib.sha256(), 0
        for piece in self.pieces(sha256):
            digest.update(piece)
            size += len(piece)
        if digest.hexdigest() != sha256:
            raise BackupCorrupt(f"The blob {sha256[:12]} of the backup was altered.", hint=_mend(sha256))
        return size

    def pieces(self, sha256: str) -> Iterator[bytes]:
        """The bytes of a blob, a piece at a time. Raises BackupCorrupt where it is missing."""
        try:
            with self.store.open(blob_key(sha256)) as file:
                yield from read_pieces(file)
        except ObjectNotFound:
            raise BackupCorrupt(
                f"The blob {sha256[:12]} of the backup is missing.", hint=_mend(sha256)
            ) from None

    def fetch(self, sha256: str, target: Path) -> None:
        """Write a blob to a file, compared with its name. Raises BackupCorrupt."""
        digest = hashlib.sha256()
        with target.open("wb") as file:
            for piece in self.pieces(sha256):
                digest.update(piece)
                file.write(piece)
        if digest.hexdigest() != sha256:
            raise BackupCorrupt(f"The blob {sha256[:12]} of the backup was altered.", hint=_mend(sha256))

    def prune(self, keep: int) -> tuple[list[str], int]:
        """Remove all backups but the newest ``keep``, and the blobs that only they needed.

        Indexes go first: a blob is removed only when no index names it any more.

        Returns:
            Names of the removed backups, and the bytes that this freed.
        """
        names = self.names()
        gone = names[: max(len(names) - max(keep, 1), 0)]
        for name in gone:
            self.store.delete(f"{INDEXES}{name}.json")
        needed = {sha256 for name in self.names() for sha256 in self.get(name).blobs}
        freed = 0
        for sha256, size in self.blobs().items() if gone else ():
            if sha256 not in needed:
                self.store.delete(blob_key(sha256))
                freed += size
        return gone, freed


def _mend(sha256: str) -> str:
    """A blob that is there is never written again, so that an altered one has to go first."""
    return (
        "An older backup may be whole: `assay backup --check --name`. Where the platform still has what it"
        f" held, remove {blob_key(sha256)}, and the next backup writes it again."
    )


def read_pieces(file: BinaryIO) -> Iterator[bytes]:
    """A file's bytes, a piece at a time."""
    while piece := file.read(READ_BYTES):
        yield piece

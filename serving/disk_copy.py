"""The last versions a service had, on disk, so that it starts without the registry.

Layout of the folder: ``<version>/`` holds the model's files and ``version.json`` (facts and the SHA-256 of each
file); ``current`` names the version to start from. A version is written beside and renamed into place, the
pointer last: a reader sees a whole version or none.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from config.errors import ModelInvalid, ModelNotFound

FACTS = "version.json"
POINTER = "current"
KEPT_VERSIONS = 3


@dataclass(frozen=True)
class StoredModel:
    """A version read back: ``files`` by name, and the facts it was saved with."""

    version: str
    files: dict[str, bytes]
    facts: dict[str, Any]


class DiskCopy:
    """Versions of one family under ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, version: str, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
        """Keep a version and point to it; older ones beyond a few are removed.

        Raises:
            OSError: the disk refused.
        """
        _check_name(version)
        self.folder.mkdir(parents=True, exist_ok=True)
        target = self.folder / version
        with _alone_in(self.folder):
            if not self._is_whole(target, files):
                self._write(target, files, facts)
            replace_file(self.folder / POINTER, version.encode())
            self._prune(keep=version)

    def load(self) -> StoredModel:
        """The version that the pointer names.

        Raises:
            ModelNotFound: nothing was ever kept.
            ModelInvalid: files are missing or not what was saved.
        """
        try:
            version = (self.folder / POINTER).read_text().strip()
        except FileNotFoundError:
            raise ModelNotFound(f"There is no copy of a model in {self.folder}.") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelInvalid(f"The pointer to the copy on disk cannot be read: {error}.") from error
        return self._read(version)

    def _read(self, version: str) -> StoredModel:
        try:
            _check_name(version)
            facts = orjson.loads((self.folder / version / FACTS).read_bytes())
            files = {}
            for name, digest in facts["files"].items():
                _check_name(name)
                files[name] = (self.folder / version / name).read_bytes()
                if hashlib.sha256(files[name]).hexdigest() != digest:
                    raise ModelInvalid(f"{name} of version {version} on disk is not what was saved.")
        except (OSError, ValueError, TypeError, AttributeError, KeyError) as error:
            raise ModelInvalid(f"The copy of version {version[:50]} on disk is damaged: {error!r}.") from error
        return StoredModel(version, files, facts)

    def _is_whole(self, target: Path, files: Mapping[str, bytes]) -> bool:
        try:
            return self._read(target.name).files == dict(files)
        except ModelInvalid:
            return False

    def _write(self, target: Path, files: Mapping[str, bytes], facts: Mapping[str, Any]) -> None:
        beside = self.folder / f".{target.name}-{uuid.uuid4().hex}"
        beside.mkdir()
        try:
            for name, data in files.items():
                _check_name(name)
                _write_durably(beside / name, data)
            digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
            _write_durably(beside / FACTS, orjson.dumps({**facts, "version": target.name, "files": digests}))
            if target.exists():  # damaged, or another content: out of the way, then gone
                old = self.folder / f".{target.name}-{uuid.uuid4().hex}"
                target.rename(old)
                shutil.rmtree(old, ignore_errors=True)
            beside.rename(target)
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _prune(self, keep: str) -> None:
        """Remove all but the newest few versions, and what killed writers left half made: with the lock held no
        other writes. Failing to is no harm.
        """
        with contextlib.suppress(OSError):
            for path in self.folder.glob(".*-*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            versions = [
                path for path in self.folder.iterdir() if (path / FACTS).is_file() and path.name != keep
            ]
            versions.sort(key=lambda path: path.stat().st_mtime, reverse=True)
            for path in versions[KEPT_VERSIONS - 1 :]:
                shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock: the workers of a service save the same version at once. The kernel gives
    a dead holder's lock back.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_name(name: str) -> None:
    if not name or name.startswith(".") or "/" in name or "\x00" in name or len(name) > 200:
        raise ModelInvalid(f"'{name[:50]}' cannot name a version or a model file on disk.")


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def replace_file(path: Path, data: bytes) -> None:
    """Write ``path`` whole or not at all, also where several threads do so at once. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}-{uuid.uuid4().hex}")
    try:
        _write_durably(beside, data)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)

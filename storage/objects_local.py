"""Objects in a local folder: the embedded default.

An object is a file at ``root/<key>``. A write goes to a temporary file, is flushed to the disk, and only then
takes its name in one step (``rename``, or ``link`` for create-once), so that a reader sees all of an object
or nothing of it, also after a loss of power. One difference to S3 remains: a file system cannot hold both an
object ``a`` and an object ``a/b``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from config.errors import (
    ObjectExists,
    ObjectNotFound,
    StoreAccessDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from storage.objects import RESERVED_SEGMENT, Data, ObjectInfo, check_key, check_prefix, check_range

COPY_BYTES = 4 << 20
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}


class LocalStore:
    """An ObjectStore in the folder ``root``, which the first write makes."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._unfinished = root / RESERVED_SEGMENT

    def __repr__(self) -> str:
        return f"LocalStore({str(self._root)!r})"

    def put(self, key: str, data: Data) -> ObjectInfo:
        """Write, replacing what was there in one step."""
        return self._write(key, data, os.replace)

    def create(self, key: str, data: bytes) -> ObjectInfo:
        """Write once; of several racing writers one wins."""
        return self._write(key, data, _link_once)

    def get(self, key: str) -> bytes:
        """The whole object."""
        with self._errors(key), self.open(key) as file:
            return file.read()

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Some bytes of the object."""
        check_range(start, length)
        with self._errors(key), self.open(key) as file:
            file.seek(start)
            return file.read(length)

    def open(self, key: str) -> BinaryIO:
        """A seekable file that streams the object."""
        path = self._path(key)
        with self._errors(key):
            return path.open("rb")

    def stat(self, key: str) -> ObjectInfo:
        """Size, time and etag."""
        path = self._path(key)
        with self._errors(key):
            found = path.stat()
            if not path.is_file():
                raise FileNotFoundError(key)
            return self._info(key, found)

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.stat(key)
        except ObjectNotFound:
            return False
        return True

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """Objects by prefix, sorted by key."""
        check_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        with self._errors(prefix):
            yield from self._walk(f"{folder}/" if folder else "", prefix)

    def delete(self, key: str) -> None:
        """Remove the object, if it is there."""
        path = self._path(key)
        with self._errors(key), contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()

    def sweep(self, before: datetime, *, delete: bool) -> tuple[ObjectInfo, ...]:
        """Temporary files left by writers that were killed."""
        found = []
        with self._errors(RESERVED_SEGMENT):
            for path in sorted(self._unfinished.glob("*")):
                with contextlib.suppress(FileNotFoundError):
                    info = self._info(f"{RESERVED_SEGMENT}/{path.name}", path.stat())
                    if info.modified < before:
                        found.append(info)
                        if delete:
                            path.unlink()
        return tuple(found)

    def check(self) -> None:
        """Write, read and remove a small object."""
        key = f"checks/{uuid.uuid4().hex}"
        self.put(key, b"ok")
        try:
            if self.get(key) != b"ok":
                raise StoreUnavailable(f"The folder {self._root} does not give back what was written to it.")
        finally:
            self.delete(key)

    # -- how it is done ----------------------------------------------------------------------------------
    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _write(self, key: str, data: Data, name_it: Callable[[Path, Path], None]) -> ObjectInfo:
        target = self._path(key)
        with _opened(data) as source, self._errors(key), self._written(source) as temporary:
            try:
                info = self._info(key, temporary.stat())  # now: once it has its name, anybody may delete it
                target.parent.mkdir(parents=True, exist_ok=True)
                name_it(temporary, target)
            except FileNotFoundError:
                raise StoreUnavailable(
                    f"The write of '{key}' was swept away before it was finished.", hint="Run it again."
                ) from None
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                raise StoreError(
                    f"'{key}' cannot be an object in {self._root}: another object lies above or under it."
                ) from None
            self._flush_folders(target)
            return info

    @contextlib.contextmanager
    def _written(self, source: bytes | bytearray | memoryview | BinaryIO) -> Iterator[Path]:
        """``source`` in a temporary file, safe on the disk; gone afterwards, unless it was renamed."""
        self._unfinished.mkdir(parents=True, exist_ok=True)
        temporary = self._unfinished / uuid.uuid4().hex
        try:
            with temporary.open("xb") as file:
                if isinstance(source, bytes | bytearray | memoryview):
                    file.write(source)
                else:
                    shutil.copyfileobj(source, file, COPY_BYTES)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)

    def _flush_folders(self, target: Path) -> None:
        """Make the name as durable as the bytes: flush the folder, and those above it that may be new."""
        for folder in target.parents:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            if folder == self._root:
                break

    def _walk(self, folder: str, prefix: str) -> Iterator[ObjectInfo]:
        try:
            with os.scandir(self._root / folder) as entries:
                # "a-b" sorts before "a/c", as keys do, when a folder's name ends in its slash
                names = sorted((f"{entry.name}/" if entry.is_dir() else entry.name) for entry in entries)
        except (FileNotFoundError, NotADirectoryError):
            return
        for name in names:
            key = folder + name
            if key == f"{RESERVED_SEGMENT}/":
                continue
            if name.endswith("/"):
                if key.startswith(prefix) or prefix.startswith(key):
                    yield from self._walk(key, prefix)
            elif key.startswith(prefix):
                with contextlib.suppress(FileNotFoundError):
                    yield self._info(key, (self._root / key).stat())

    @staticmethod
    def _info(key: str, found: os.stat_result) -> ObjectInfo:
        modified = datetime.fromtimestamp(found.st_mtime, UTC)
        return ObjectInfo(
            key, found.st_size, modified, f"{found.st_ino:x}-{found.st_mtime_ns:x}-{found.st_size:x}"
        )

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._translate(error, key) from error

    def _translate(self, error: OSError, key: str) -> StoreError:
        if error.errno in _FULL:
            return StoreFull(
                f"No space left for '{key}' in {self._root}.", hint="Free some space, then run it again."
            )
        if error.errno in _DENIED:
            return StoreAccessDenied(
                f"No permission for '{key}' in {self._root}.", hint="Check the owner and mode of that folder."
            )
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return ObjectNotFound(f"There is no object '{key}'.")
        return StoreUnavailable(f"The folder {self._root} failed on '{key}': {error.strerror or error}.")


def _link_once(temporary: Path, target: Path) -> None:
    try:
        os.link(temporary, target)
    except FileExistsError:
        if target.is_dir():
            raise
        raise ObjectExists(f"There is an object '{target.name}' already, at {target}.") from None


@contextlib.contextmanager
def _opened(data: Data) -> Iterator[bytes | bytearray | memoryview | BinaryIO]:
    """``data`` with its file open, outside of our error handling: a missing source is the caller's matter."""
    if isinstance(data, Path):
        with data.open("rb") as file:
            yield file
    else:
        yield data

"""The object store: a small interface, and the choice between its two adapters.

``objects_local.LocalStore`` keeps objects in a folder (the embedded default), ``objects_s3.S3Store`` speaks to
any S3 endpoint. One contract test suite runs against both, so a caller never needs to know which one it has.
Errors are ``config.errors.StoreError`` and its children, never those of a library below.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, runtime_checkable

from config.errors import InputError, SettingsError
from config.settings import Settings

#: What can be written: bytes in memory, an open binary file (read to its end, never whole), or a file's path.
Data: TypeAlias = bytes | bytearray | memoryview | BinaryIO | Path

MAX_KEY_BYTES = 1024  # the limit of S3
MAX_SEGMENT_BYTES = 255  # the limit of file systems
RESERVED_SEGMENT = ".assay-tmp"  # the local adapter's unfinished writes
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass(frozen=True)
class ObjectInfo:
    """What a store knows of an object: ``size`` in bytes, ``modified`` in UTC."""

    key: str
    size: int
    modified: datetime
    etag: str | None = None


@runtime_checkable
class ObjectStore(Protocol):
    """One bucket of objects under keys such as ``datasets/viral/full/2026-10/<sha256>.parquet``.

    Every method may raise StoreAccessDenied, StoreUnavailable (after retries), or InputError for a key that
    :func:`check_key` refuses. A bucket that does not exist is made by the first write; until then it is empty.
    """

    def put(self, key: str, data: Data) -> ObjectInfo:
        """Write ``data`` under ``key``, replacing what was there in one step. Large data goes up in pieces,
        with a bounded amount of it in memory.

        Raises:
            StoreFull: there is no space left; what was there before is untouched.
        """
        ...

    def create(self, key: str, data: bytes) -> ObjectInfo:
        """Write a small object once; of several racing writers one wins.

        Raises:
            ObjectExists: there is an object under ``key`` already; it is untouched.
        """
        ...

    def get(self, key: str) -> bytes:
        """The whole object. Raises ObjectNotFound."""
        ...

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """``length`` bytes from ``start`` on; fewer where the object ends before. Raises ObjectNotFound."""
        ...

    def open(self, key: str) -> BinaryIO:
        """A seekable binary file that streams the object; close it, or use it in ``with``.

        Raises:
            ObjectNotFound: there is no such object.
        """
        ...

    def stat(self, key: str) -> ObjectInfo:
        """Size, time and etag. Raises ObjectNotFound."""
        ...

    def exists(self, key: str) -> bool:
        """Whether there is an object under ``key``."""
        ...

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        """All objects whose key begins with ``prefix``, sorted by key, however many."""
        ...

    def delete(self, key: str) -> None:
        """Remove the object; removing what is not there is fine."""
        ...

    def sweep(self, before: datetime, *, delete: bool) -> tuple[ObjectInfo, ...]:
        """Unfinished writes begun before that moment, left by a writer that was killed; removed if asked.

        They are never listed or read as objects, they only take space. ``size`` is 0 where it is not known.
        """
        ...

    def check(self) -> None:
        """Write, read and remove a small object. Raises StoreError when any of it fails."""
        ...


def check_key(key: str) -> str:
    """``key`` itself, when it can name an object on every adapter.

    Raises:
        InputError: it is empty, absolute, too long, or has an empty, ``.`` or ``..`` segment, a backslash or a
            control character.
    """
    problem = _problem(key)
    if problem:
        raise InputError(f"'{key}' cannot be the key of an object: {problem}.")
    return key


def check_prefix(prefix: str) -> str:
    """``prefix`` itself, when it can be the beginning of a key. Raises InputError."""
    if prefix:
        check_key(prefix.removesuffix("/") if prefix != "/" else prefix)
    return prefix


def _problem(key: str) -> str | None:
    segments = key.split("/")
    try:
        sizes = [len(segment.encode()) for segment in segments]
    except UnicodeEncodeError:
        return "it is not valid text"
    if not key:
        return "it is empty"
    if key.startswith("/"):
        return "it is absolute"
    if any(segment in ("", ".", "..") for segment in segments):
        return "it has an empty, '.' or '..' segment"
    if segments[0] == RESERVED_SEGMENT:
        return f"'{RESERVED_SEGMENT}' is reserved"
    if _FORBIDDEN.search(key):
        return "it has a backslash or a control character"
    if max(sizes) > MAX_SEGMENT_BYTES or len(key.encode()) > MAX_KEY_BYTES:
        return f"it is longer than {MAX_KEY_BYTES} bytes, or a segment is longer than {MAX_SEGMENT_BYTES}"
    return None


def check_range(start: int, length: int) -> None:
    """Raise InputError unless both are at least 0."""
    if start < 0 or length < 0:
        raise InputError(f"A range begins at 0 or later and has no negative length, not {start}+{length}.")


def open_store(
    settings: Settings, bucket: str | None = None, *, retries: int = 4, timeout: float = 30.0
) -> ObjectStore:
    """The store of ``bucket`` (default: the bucket of datasets and artifacts). Reaches nothing yet.

    Args:
        settings: where it is.
        bucket: which one.
        retries: how often an S3 server that does not answer is asked again.
        timeout: seconds to wait for its next bytes.

    Raises:
        SettingsError: an S3 endpoint is set without credentials, or is not an address.
    """
    name = bucket or settings.ml_artifacts_bucket
    if settings.embedded_objects:
        from storage.objects_local import LocalStore

        return LocalStore(settings.home / "objects" / name)
    from storage.objects_s3 import S3Store

    if not settings.minio_root_user or not settings.minio_root_password:
        raise SettingsError(
            "MINIO_ENDPOINT is set, but not who we are there.",
            hint="Set MINIO_ROOT_USER and MINIO_ROOT_PASSWORD.",
        )
    return S3Store(
        settings.minio_endpoint or "",
        bucket=name,
        access_key=settings.minio_root_user,
        secret_key=settings.minio_root_password.get_secret_value(),
        secure=settings.minio_secure,
        region=settings.minio_region,
        retries=retries,
        timeout=timeout,
    )


@contextlib.contextmanager
def as_stream(data: Data) -> Iterator[tuple[BinaryIO, int | None]]:
    """``data`` as a readable file, and its length in bytes where that is known beforehand.

    An open file is read from where it stands, and stays open.
    """
    if isinstance(data, Path):
        with data.open("rb") as file:
            yield file, data.stat().st_size
    elif isinstance(data, bytes):
        yield io.BytesIO(data), len(data)
    elif isinstance(data, bytearray | memoryview):
        view = memoryview(data).cast("B")
        yield io.BufferedReader(_ViewReader(view)), view.nbytes
    else:
        yield data, _length_left(data)


class _ViewReader(io.RawIOBase):
    """Memory as a file, without a copy of all of it (BytesIO makes one)."""

    def __init__(self, view: memoryview) -> None:
        super().__init__()
        self._view = view
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._view.nbytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._view[self._position : self._position + len(buffer)]
        buffer[: piece.nbytes] = piece
        self._position += piece.nbytes
        return piece.nbytes


def _length_left(file: BinaryIO) -> int | None:
    if not file.seekable():
        return None
    here = file.tell()
    end = file.seek(0, 2)
    file.seek(here)
    return end - here

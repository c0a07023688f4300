"""An append-only queue on disk: what a service must not lose between its answer and the database.

One file a worker is open for appending; a line is on its way to disk in the kernel before the answer leaves, so
a killed process loses nothing. Each file is locked (flock) by the process that owns it: the kernel releases
the lock of a dead worker, and another adopts its files. Of a power failure lines are safe once
:meth:`Spool.sync` has returned; there is no fsync a line.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

SUFFIX = ".jsonl"
ASIDE = "set-aside"


@dataclass
class Segment:
    """A file of lines that this process owns."""

    path: Path
    descriptor: int
    size: int = 0

    def read(self) -> bytes:
        """All its bytes."""
        return self.path.read_bytes()

    def written_at(self) -> datetime:
        """When its last line was appended."""
        return datetime.fromtimestamp(os.fstat(self.descriptor).st_mtime, UTC)

    def release(self, *, remove: bool) -> None:
        """Give it up; with ``remove`` its lines are done with."""
        if remove:
            self.path.unlink(missing_ok=True)
        os.close(self.descriptor)


@dataclass(frozen=True)
class Pending:
    """How much waits."""

    rows: int
    size: int
    oldest: datetime | None


@dataclass
class _Counts:
    """Rows of files that no longer grow, by name; counted once."""

    known: dict[str, tuple[int, int]] = field(default_factory=dict)


class Spool:
    """The queue in ``folder``, shared by all workers of a service.

    Args:
        max_bytes: past this size on disk nothing more is taken, so that a long outage does not fill the disk.
    """

    def __init__(self, folder: Path, *, max_bytes: int) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._closed: list[Segment] = []
        self._unsynced: list[Segment] = []
        self._counts = _Counts()
        (folder / ASIDE).mkdir(parents=True, exist_ok=True)
        self._active = self._create()
        self.full = False
        self.measure()

    def append(self, lines: bytes) -> None:
        """Append whole lines (each ends in a newline) with one write.

        Raises:
            OSError: the disk refused, or the queue is full; nothing of ``lines`` is kept then.
        """
        if self.full:
            raise OSError(f"the queue holds more than {self._max_bytes} bytes")
        with self._lock:
            segment = self._active
            written = 0
            try:
                while written < len(lines):
                    written += os.write(segment.descriptor, lines[written:] if written else lines)
            except OSError:
                os.ftruncate(segment.descriptor, segment.size)
                raise
            segment.size += written

    def sync(self) -> None:
        """Bring every line that was appended before this call to the disk itself, and the names of its files.

        Raises:
            OSError: the disk refused; lines may be lost in a power failure.
        """
        with self._lock:
            # copies, for a file may be done with, and closed, meanwhile: then its lines are in the database
            waiting = [os.dup(segment.descriptor) for segment in (*self._unsynced, self._active)]
            self._unsynced.clear()
        waiting.append(os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY))
        try:
            for descriptor in waiting:
                os.fsync(descriptor)
        finally:
            for descriptor in waiting:
                os.close(descriptor)

    def active_size(self) -> int:
        """Bytes in the file that is being written."""
        return self._active.size

    def rotate(self) -> None:
        """Close the file that is being written, if it has lines, and begin another."""
        if not self._active.size:
            return
        fresh = self._create()
        with self._lock:
            done, self._active = self._active, fresh
            self._unsynced.append(done)
        self._closed.append(done)

    def take(self) -> list[Segment]:
        """Closed files of ours and those of dead workers, oldest first. They stay ours until released."""
        mine = {segment.path for segment in self._closed} | {self._active.path}
        for path in self._paths():
            if path not in mine and (segment := _adopt(path)):
                self._closed.append(segment)
        self._closed.sort(key=lambda segment: segment.path.name)
        return list(self._closed)

    def done(self, segment: Segment) -> None:
        """Remove a file whose lines are all in the database (or set aside)."""
        self._closed.remove(segment)
        with self._lock:
            if segment in self._unsynced:
                self._unsynced.remove(segment)
            segment.release(remove=True)
        self._counts.known.pop(segment.path.name, None)

    def set_aside(self, lines: bytes) -> None:
        """Keep lines that cannot be shipped, for a person to look at."""
        path = self.folder / ASIDE / f"{datetime.now(UTC):%Y-%m-%d}{SUFFIX}"
        with path.open("ab") as file:
            file.write(lines)

    def measure(self) -> int:
        """Size on disk of all workers' files; states whether more is taken."""
        size = 0
        for path in self._paths():
            with contextlib.suppress(FileNotFoundError):
                size += path.stat().st_size
        self.full = size >= self._max_bytes
        return size

    def pending(self) -> Pending:
        """How much waits, of all workers. Reads files that grew since the last call."""
        rows, size, oldest = 0, 0, None
        for path in self._paths():
            try:
                found = path.stat().st_size
                known = self._counts.known.get(path.name)
                if known is None or known[0] != found:
                    known = self._counts.known[path.name] = (found, path.read_bytes().count(b"\n"))
            except FileNotFoundError:
                continue
            rows, size = rows + known[1], size + found
            if known[1] and oldest is None:
                oldest = datetime.fromtimestamp(int(path.name.split("-")[0]) / 1000, UTC)
        return Pending(rows, size, oldest)

    def close(self) -> None:
        """Release every file; those with lines stay for the next start."""
        with self._lock:
            self._active.release(remove=not self._active.size)
            for segment in self._closed:
                segment.release(remove=False)
            self._closed.clear()

    def _paths(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.suffix == SUFFIX)

    def _create(self) -> Segment:
        """A new file, locked before it has its name: nobody can take it for a dead worker's."""
        path = self.folder / f"{time.time_ns() // 1_000_000:013d}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        hidden = path.with_suffix(".new")
        descriptor = os.open(hidden, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        hidden.rename(path)
        return Segment(path, descriptor)


def _adopt(path: Path) -> Segment | None:
    """Own a dead worker's file; None when its owner lives or it is gone."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        state = os.fstat(descriptor)
        if state.st_nlink:
            return Segment(path, descriptor, state.st_size)
    except BlockingIOError:
        pass
    os.close(descriptor)
    return None

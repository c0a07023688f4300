"""Each part's log: a file that is rotated by size, and a prefixed line on the console."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

MAX_BYTES = 10 * 1024 * 1024
KEEP = 3
#: of the supervisor itself, beside the parts'
SUPERVISOR = "assay"
_LONGEST_LINE = 64 * 1024


def log_path(home: Path, part: str) -> Path:
    """The newest log file of ``part``."""
    return home / "logs" / f"{part}.log"


class LogFile:
    """Appends bytes to a file; past ``max_bytes`` it becomes ``.1`` and a new one begins.

    A full disk must not stop the part whose log it is: lines that cannot be written are counted in
    ``dropped`` and forgotten.
    """

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES, keep: int = KEEP) -> None:
        self.path, self.max_bytes, self.keep = path, max_bytes, keep
        self.dropped = 0
        self._file: IO[bytes] | None = None
        self._size = 0

    def write(self, data: bytes) -> None:
        """Append ``data``, whole lines."""
        try:
            if self._file is None:
                self._open()
            if self._size and self._size + len(data) > self.max_bytes:
                self._rotate()
            if self._file is not None:
                self._file.write(data)
                self._file.flush()
                self._size += len(data)
        except OSError:
            self.dropped += data.count(b"\n")
            self.close()

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._file is not None:
            try:
                self._file.close()
            except OSError:  # the last bytes did not fit on a full disk
                self.dropped += 1
            self._file = None

    def _open(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self.path.open("ab")
        self._size = self._file.tell()

    def _rotate(self) -> None:
        self.close()
        for number in range(self.keep, 0, -1):
            older = self.path.with_suffix(f".log.{number}")
            newer = self.path if number == 1 else self.path.with_suffix(f".log.{number - 1}")
            if newer.exists():
                newer.replace(older)
        self._open()


class Lines:
    """Cuts a stream of chunks into whole lines; a line without end is cut at 64 KB."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that ``chunk`` completes, each with its newline."""
        *whole, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            whole.append(self._rest)
            self._rest = b""
        return [line + b"\n" for line in whole]

    def end(self) -> list[bytes]:
        """What is left when the stream ends."""
        rest, self._rest = self._rest, b""
        return [rest + b"\n"] if rest else []


def tail(path: Path, lines: int) -> list[str]:
    """The last ``lines`` lines of the log, the one rotated before included where the newest is short."""
    kept: deque[str] = deque(maxlen=lines)
    for file in (path.with_suffix(".log.1"), path):
        if file.exists():
            with file.open(errors="replace") as stream:
                kept.extend(line.rstrip("\n") for line in stream)
    return list(kept)


def follow(paths: dict[str, Path], every: float = 0.25) -> Iterator[tuple[str, str]]:
    """(part, line) as lines are added from now on, through rotations. Ends only with the caller."""
    open_files = {name: Follower(path) for name, path in paths.items()}
    while True:
        quiet = True
        for name, follower in open_files.items():
            for line in follower.more():
                quiet = False
                yield name, line
        if quiet:
            time.sleep(every)


class Follower:
    """Reads what is added to a log from now on; a file that was set aside is read to its end first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines = Lines()
        self._file = self._open()
        if self._file:
            self._file.seek(0, os.SEEK_END)

    def more(self) -> list[str]:
        """The lines added since the last call."""
        found = self._read()
        if self._replaced():
            self.close()
            self._file = self._open()
            found += self._read()
        return found

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()
            self._file = None

    def _read(self) -> list[str]:
        chunk = self._file.read() if self._file else b""
        return [line.decode(errors="replace").rstrip("\n") for line in self._lines.feed(chunk)]

    def _open(self) -> IO[bytes] | None:
        return self.path.open("rb") if self.path.exists() else None

    def _replaced(self) -> bool:
        try:
            newest = self.path.stat()
        except FileNotFoundError:
            return False
        return self._file is None or os.fstat(self._file.fileno()).st_ino != newest.st_ino

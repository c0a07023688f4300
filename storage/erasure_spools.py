"""A person's lines in the services' queues on disk: ASSAY_HOME/services/*/spool of predictions,
ASSAY_HOME/services/*/shadow of answers that nobody saw, ASSAY_HOME/services/*/outcomes of what became of clips,
ASSAY_HOME/services/*/events of interactions, and ASSAY_HOME/services/*/contents of what was published.

A file of a service that runs is locked by it; it ships its lines within a second. So such a file is waited for,
and the others are written anew without the person's lines.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDERS = ("*/spool", "*/shadow", "*/outcomes", "*/events", "*/contents")
QUEUES = tuple(f"{folder}/*.jsonl" for folder in FOLDERS)
#: Lines that could not be shipped; files without an owner, to which a service may add at any moment.
SET_ASIDE = tuple(f"{folder}/set-aside/*.jsonl" for folder in FOLDERS)
#: The same while they are looked through; one that is found was left by a run that was killed.
IN_WORK = tuple(f"{folder}/set-aside/*.jsonl.forget" for folder in FOLDERS)
PAUSE_SECONDS = 0.25
#: A service opens such a file for one write only: what it had open is written after this long.
SETTLE_SECONDS = 0.1


@dataclass(frozen=True)
class SpoolErasure:
    """How many lines were removed, and how many files of running services still hold some."""

    lines: int
    files_left: int


def forget_lines(services: Path, mine: Callable[[bytes], bool], *, patience: float) -> SpoolErasure:
    """Remove the lines for which ``mine`` holds from all queues below ``services``.

    Args:
        services: the folder of the services' files.
        mine: whether a line is the person's.
        patience: seconds to wait for the files of running services.
    """
    for path in _found(services, SET_ASIDE):
        if any(map(mine, _lines(path))):
            path.rename(path.with_name(f"{path.name}.forget"))  # what comes now begins a file of its own
    time.sleep(SETTLE_SECONDS)
    removed = sum(_given_back(path, mine) for path in _found(services, IN_WORK))
    deadline = time.monotonic() + patience
    while True:
        busy = 0
        for path in _found(services, QUEUES):
            with _owned(path) as owned:
                if owned:
                    removed += _filter(path, mine)
                else:
                    busy += any(map(mine, _lines(path)))
        if not busy or time.monotonic() >= deadline:
            return SpoolErasure(removed, busy)
        time.sleep(PAUSE_SECONDS)


def count_lines(services: Path, mine: Callable[[bytes], bool]) -> int:
    """How many lines of all queues ``mine`` holds for."""
    return sum(sum(map(mine, _lines(path))) for path in _found(services, (*QUEUES, *SET_ASIDE, *IN_WORK)))


def _found(services: Path, patterns: Sequence[str]) -> list[Path]:
    return sorted(path for pattern in patterns for path in services.glob(pattern))


def concerns(line: bytes, person: str, names: frozenset[str]) -> bool:
    """Whether a line of a queue has the person's id, the name of a photo of theirs, or one of ``names``."""
    try:
        return _concerns(json.loads(line), person, names)
    except ValueError:
        return json.dumps(person, ensure_ascii=False).encode() in line


def _concerns(value: Any, person: str, names: frozenset[str]) -> bool:
    if isinstance(value, str):
        return value == person or value in names or value.startswith(f"{person}/")
    if isinstance(value, dict):
        return any(_concerns(each, person, names) for each in value.values())
    return isinstance(value, list) and any(_concerns(each, person, names) for each in value)


def _given_back(path: Path, mine: Callable[[bytes], bool]) -> int:
    """Put the lines of others back under the name that the file had; how many were not put back."""
    removed = _filter(path, mine)
    with path.with_suffix("").open("ab") as file:
        file.write(path.read_bytes())
        file.flush()
        os.fsync(file.fileno())
    path.unlink()
    return removed


def _filter(path: Path, mine: Callable[[bytes], bool]) -> int:
    lines = _lines(path)
    kept = [line for line in lines if not mine(line)]
    if len(kept) < len(lines):
        beside = path.with_name(f".{path.name}.forget")
        with beside.open("wb") as file:
            file.writelines(kept)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    return len(lines) - len(kept)


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:  # shipped meanwhile
        return []


@contextmanager
def _owned(path: Path) -> Iterator[bool]:
    """Whether this process has the file's lock, inside of the block: its owner does not run then."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield os.fstat(descriptor).st_nlink > 0
        except BlockingIOError:
            yield False
    finally:
        os.close(descriptor)

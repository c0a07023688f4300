"""Bringing a queue to the disk itself: every file that has lines, also one that was closed meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from serving.spool import Spool
from storage.erasure_spools import concerns, forget_lines


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Inodes that were brought to the disk."""
    found: list[int] = []
    monkeypatch.setattr("serving.spool.os.fsync", lambda descriptor: found.append(os.fstat(descriptor).st_ino))
    return found


def inodes(folder: Path) -> set[int]:
    return {path.stat().st_ino for path in folder.glob("*.jsonl")}


def test_the_files_and_the_folder_with_their_names_are_brought_to_the_disk(
    tmp_path: Path, synced: list[int]
) -> None:
    spool = Spool(tmp_path, max_bytes=10_000)
    spool.append(b"{}\n")
    spool.rotate()
    spool.append(b"{}\n")
    spool.sync()
    assert set(synced) == inodes(tmp_path) | {tmp_path.stat().st_ino}
    assert len(inodes(tmp_path)) == 2
    spool.close()


def test_a_closed_file_is_brought_there_once(tmp_path: Path, synced: list[int]) -> None:
    spool = Spool(tmp_path, max_bytes=10_000)
    spool.append(b"{}\n")
    (first,) = inodes(tmp_path)
    spool.rotate()
    spool.sync()
    spool.sync()
    assert synced.count(first) == 1
    spool.close()


def test_a_file_that_is_done_with_needs_no_sync(tmp_path: Path, synced: list[int]) -> None:
    spool = Spool(tmp_path, max_bytes=10_000)
    spool.append(b"{}\n")
    (first,) = inodes(tmp_path)
    spool.rotate()
    for segment in spool.take():
        spool.done(segment)
    spool.sync()
    assert first not in synced
    assert inodes(tmp_path) <= set(synced)
    spool.close()


def test_a_person_who_is_forgotten_leaves_the_queue_of_events(tmp_path: Path) -> None:
    folder = tmp_path / "recommendation" / "events"
    spool = Spool(folder, max_bytes=10_000)
    lines = [b'{"user_id":"gone","item_id":"v"}\n', b'{"user_id":"ann","item_id":"v"}\n']
    spool.append(b"".join(lines))
    spool.close()
    done = forget_lines(tmp_path, lambda line: concerns(line, "gone", frozenset()), patience=0)
    assert (done.lines, done.files_left) == (1, 0)
    assert [path.read_bytes() for path in folder.glob("*.jsonl")] == [lines[1]]

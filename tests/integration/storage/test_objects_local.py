"""What only the folder adapter has to care for: disks that fill up, permissions, unfinished files."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.errors import ObjectNotFound, StoreAccessDenied, StoreError
from storage.objects import RESERVED_SEGMENT
from storage.objects_local import LocalStore

FULL_DISK = """
import pathlib, sys
from config.errors import StoreFull
from storage.objects_local import LocalStore
store = LocalStore(pathlib.Path(sys.argv[1]) / "bucket")
store.put("a", b"x" * 100_000)
for write in (lambda: store.put("a", b"y" * 2_000_000), lambda: store.create("b", b"y" * 2_000_000)):
    try:
        write()
    except StoreFull as error:
        print(error.message)
assert store.get("a") == b"x" * 100_000
assert [info.key for info in store.list()] == ["a"]
assert not list((store._root / ".assay-tmp").iterdir())
store.put("c", b"z" * 100_000)
"""


def test_a_full_disk_is_a_clear_error_and_loses_nothing(tmp_path: Path) -> None:
    mount = f"mount -t tmpfs -o size=1m tmpfs {tmp_path} && exec {sys.executable} -c '{FULL_DISK}' {tmp_path}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount.replace('"', '"')],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"A small file system cannot be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("No space left for") == 2


def test_unfinished_files_are_never_listed_and_swept_when_they_are_old(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"1")
    left = tmp_path / RESERVED_SEGMENT / "left-by-a-killed-writer"
    left.write_bytes(b"half")
    assert [info.key for info in store.list()] == ["a"]
    now = datetime.now(UTC)
    assert store.sweep(now - timedelta(hours=1), delete=True) == ()
    (found,) = store.sweep(now + timedelta(hours=1), delete=False)
    assert found.size == 4
    assert left.exists()
    store.sweep(now + timedelta(hours=1), delete=True)
    assert not left.exists()
    assert store.get("a") == b"1"


def test_a_read_that_began_before_an_overwrite_sees_the_old_object_whole(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"old" * 1000)
    with store.open("a") as file:
        store.put("a", b"new" * 1000)
        assert file.read() == b"old" * 1000
    assert store.get("a") == b"new" * 1000


@pytest.mark.parametrize(("first", "second"), [("a", "a/b"), ("a/b", "a"), ("a", "a/b/c")])
def test_an_object_under_an_object_is_a_clear_error(tmp_path: Path, first: str, second: str) -> None:
    store = LocalStore(tmp_path)
    store.put(first, b"1")
    for write in (store.put, store.create):
        with pytest.raises(StoreError, match="another object lies above or under it"):
            write(second, b"2")
    assert not store.exists(second)
    with pytest.raises(ObjectNotFound):
        store.get(second)
    assert store.get(first) == b"1"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_denied(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    store.put("a", b"1")
    (tmp_path / "a").chmod(0)
    with pytest.raises(StoreAccessDenied):
        store.get("a")


def test_a_read_only_folder_is_denied() -> None:
    with pytest.raises(StoreError):
        LocalStore(Path("/proc/assay")).put("a", b"1")

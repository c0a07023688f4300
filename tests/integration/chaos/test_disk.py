"""The suite's own disk: really full, really stuck, and usable again; the machine's own disk is not touched."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.disk import Disk
from chaos.errors import FaultNotMade


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    try:
        made = Disk.make(tmp_path / "disk.img", tmp_path / "disk")
    except FaultNotMade as error:
        pytest.skip(f"no disk of its own here: {error.message}")
    yield made
    made.close()
    assert not os.path.ismount(tmp_path / "disk")


def test_a_full_disk_takes_no_byte_until_it_is_over(disk: Disk, tmp_path: Path) -> None:
    kept = disk.folder / "kept"
    kept.write_bytes(b"before")
    with disk.full():
        with pytest.raises(OSError, match="No space left"):
            (disk.folder / "more").write_bytes(bytes(1 << 20))
        (tmp_path / "beside").write_bytes(bytes(4096))
    (disk.folder / "more").write_bytes(bytes(1 << 20))
    assert kept.read_bytes() == b"before"


def test_a_stuck_disk_ends_no_write_until_it_is_over(disk: Disk) -> None:
    stall = threading.Thread(target=disk.stall, args=(1.5,))
    began = time.monotonic()
    stall.start()
    while time.monotonic() - began < 1.4 and stall.is_alive():
        (disk.folder / "file").write_bytes(b"x")
        time.sleep(0.05)
    (disk.folder / "last").write_bytes(b"x")
    assert time.monotonic() - began >= 1.4
    stall.join()
    assert (disk.folder / "last").read_bytes() == b"x"


def test_a_slow_disk_is_slow_for_its_own_files_only(disk: Disk, tmp_path: Path) -> None:
    if "disk-slow" not in disk.kinds:
        pytest.skip("this kernel has no throttle of cgroup v1")
    data = bytes(512 * 1024)
    with disk.slow():
        assert _synced(disk.folder / "slow", data) > 1.0
        beside = _synced(tmp_path / "beside", data)
    assert _synced(disk.folder / "quick", data) < 1.5
    assert beside < 1.5


def _synced(path: Path, data: bytes) -> float:
    began = time.monotonic()
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return time.monotonic() - began

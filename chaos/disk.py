"""A disk of the suite's own: a file with a file system, in which the platform lives, that can be full, slow or
stuck while the machine's own disk goes on. Needs root.

Full: the rest is filled by a file. Slow: the kernel throttles this block device (cgroup v1, blkio). Stuck:
``fsfreeze``, under which every write waits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from chaos.errors import FaultNotMade

SIZE_BYTES = 4 * 1024**3
SLOW_BYTES = 256 * 1024
_THROTTLE = Path("/sys/fs/cgroup/blkio/blkio.throttle.write_bps_device")
_FILLER = ".filler"


class Disk:
    """The disk, mounted at ``folder``."""

    def __init__(self, image: Path, folder: Path, device: str, number: str) -> None:
        self._image, self.folder = image, folder
        self._device, self._number = device, number

    @classmethod
    def make(cls, image: Path, folder: Path) -> Disk:
        """Make and mount it.

        Raises:
            FaultNotMade: this machine does not let us.
        """
        if os.geteuid() != 0:
            raise FaultNotMade("only root may mount a file system")
        with image.open("wb") as file:
            file.truncate(SIZE_BYTES)
        folder.mkdir(parents=True)
        # no block is kept for root: for root, too, a full disk is full
        _do("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1", str(image))
        _do("mount", "-o", "loop", str(image), str(folder))
        try:
            device = _do("findmnt", "-no", "SOURCE", str(folder))
            number = Path("/sys/class/block", Path(device).name, "dev").read_text().strip()
        except (FaultNotMade, OSError):
            _do("umount", str(folder))
            raise
        return cls(image, folder, device, number)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of faults that it can have."""
        return ("disk-full", "disk-stall", *(("disk-slow",) if _THROTTLE.exists() else ()))

    @contextlib.contextmanager
    def full(self) -> Iterator[str]:
        """No room is left, until the end; what others give back meanwhile is taken too."""
        filler = self.folder / _FILLER
        try:
            with filler.open("wb", buffering=0) as file:
                os.posix_fallocate(file.fileno(), 0, max(1, self._free() - (1 << 20)))
                _fill(file.fileno())
                yield f"{self._free():,} bytes free"
        finally:
            filler.unlink(missing_ok=True)

    @contextlib.contextmanager
    def slow(self) -> Iterator[str]:
        """Writes reach it at :data:`SLOW_BYTES` a second."""
        _THROTTLE.write_text(f"{self._number} {SLOW_BYTES}")
        try:
            yield f"{SLOW_BYTES // 1024} KB/s"
        finally:
            _THROTTLE.write_text(f"{self._number} 0")

    def stall(self, seconds: float) -> None:
        """No write ends for so long. One process of its own thaws it, whatever becomes of this one."""
        folder = str(self.folder)
        script = 'fsfreeze -f "$0"; sleep "$1"; fsfreeze -u "$0"'
        done = subprocess.run(
            ["sh", "-c", script, folder, str(seconds)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise FaultNotMade(f"fsfreeze: {done.stderr.strip()}")

    def close(self) -> None:
        """Unmount and remove it. Never raises: what cannot be unmounted at once goes when nobody uses it."""
        with contextlib.suppress(FaultNotMade, OSError):
            _THROTTLE.write_text(f"{self._number} 0")
        subprocess.run(["fsfreeze", "-u", str(self.folder)], capture_output=True, check=False)
        for options in ((), (), ("-l",)):
            if not subprocess.run(["umount", *options, str(self.folder)], capture_output=True).returncode:
                break
            time.sleep(1.0)
        self._image.unlink(missing_ok=True)

    def _free(self) -> int:
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize


def _fill(descriptor: int) -> None:
    os.lseek(descriptor, 0, os.SEEK_END)
    for size in (1 << 20, 1 << 14, 1 << 12):
        try:
            while True:
                os.write(descriptor, bytes(size))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def _do(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FaultNotMade(f"{command[0]}: {error}") from error
    if done.returncode:
        raise FaultNotMade(f"{command[0]}: {done.stderr.strip()[:300]}")
    return done.stdout.strip()

"""The processes of a private PostgreSQL: found by the folder they work in, and ended."""

from __future__ import annotations

from pathlib import Path

import psutil


def serves(pid: int, folder: Path) -> bool:
    """Whether ``pid`` is a PostgreSQL process on ``folder``: those work inside it. A reused pid does not."""
    try:
        process = psutil.Process(pid)
        return process.name().startswith(("postgres", "postmaster")) and not gone(process) and (
            Path(process.cwd()) == folder.resolve()
        )  # fmt: skip
    except (psutil.Error, OSError):
        return False


def gone(process: psutil.Process) -> bool:
    """Whether the process has ended (a zombie has)."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def send(process: psutil.Process, number: int) -> None:
    """Send a signal, if the process is still there."""
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        return

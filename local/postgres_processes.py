"""The processes of a private PostgreSQL: found by the folder they work in, ended, waited for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Poll ``condition`` for up to ``timeout`` seconds; whether it came true."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


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

"""Clocks that jump: a small library (``clock.c``) is loaded into a part, and reads how far its clock is off.

Only the wall clock is: the monotonic one goes on as on a machine whose clock is set. libfaketime would do, and
does not: with its monotonic clock left alone, every ``time.sleep`` of Python 3.11 fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from chaos.kinds import CLOCKED, JUMPS
from local.parts import Part

LIBRARY, FILE = "CHAOS_CLOCK_LIBRARY", "CHAOS_CLOCK"
_SOURCE = Path(__file__).with_name("clock.c")
_OFFSET = struct.Struct("=q")


def compiler() -> str | None:
    """The C compiler of this machine, if it has one."""
    return shutil.which("cc")


def build(folder: Path) -> Path | None:
    """The library, built into ``folder``; None where that cannot be done."""
    program = compiler()
    if program is None:
        return None
    path = folder / "clock.so"
    command = [program, "-O2", "-shared", "-fPIC", "-o", str(path), str(_SOURCE), "-ldl", "-lpthread"]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    return path if done.returncode == 0 else None


def clock_file(home: Path, part: str) -> Path:
    """Says how far the clock of ``part`` is off."""
    return home / "clocks" / part


def set_clock(home: Path, part: str, seconds: int) -> None:
    """Put the clock of ``part`` off by ``seconds``: in place, for its processes look at this very file."""
    path = clock_file(home, part)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        os.pwrite(descriptor, _OFFSET.pack(seconds), 0)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def jumped(home: Path, part: str, jump: str) -> Iterator[str]:
    """The clock of ``part`` is off, until the end."""
    set_clock(home, part, JUMPS[jump])
    try:
        yield jump
    finally:
        set_clock(home, part, 0)


def clock_environment(file: Path, library: Path) -> dict[str, str]:
    """What a process needs so that its clock goes by ``file``."""
    preload = os.pathsep.join(filter(None, [str(library), os.environ.get("LD_PRELOAD", "")]))
    return {"LD_PRELOAD": preload, FILE: str(file)}


def with_clock(part: Part, home: Path, library: Path) -> Part:
    """``part`` with a clock that can jump, if it is one of those."""
    if part.name not in CLOCKED:
        return part
    set_clock(home, part.name, 0)
    extra = clock_environment(clock_file(home, part.name), library)
    return replace(part, environment={**part.environment, **extra})

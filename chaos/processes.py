"""The processes of the suite's own platform, found beyond doubt, and signalled. No other is ever touched."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterable, Sequence
from pathlib import Path

import psutil

from chaos.errors import FaultNotMade
from local.postgres_processes import serves
from local.process import marked
from local.state import PartState, RunFolder


def part_state(home: Path, part: str) -> PartState:
    """What the supervisor last wrote of ``part``.

    Raises:
        FaultNotMade: nothing, or it has no process now.
    """
    state = RunFolder(home).read()
    for one in state.parts if state else []:
        if one.name == part and one.identity is not None:
            return one
    raise FaultNotMade(f"{part} has no process now")


def part_processes(home: Path, part: str) -> list[psutil.Process]:
    """Every process of ``part``, its first one first; flow runs are not the worker's.

    Each is known by its environment, which names this home and the part, or, PostgreSQL's, by the folder that
    it works in.

    Raises:
        FaultNotMade: there is none.
    """
    identity = part_state(home, part).identity
    first = identity.alive() if identity else None
    if first is None:
        raise FaultNotMade(f"{part} has no process now")
    if part == "postgres":
        family = [first, *first.children(recursive=True)]
        found = [one for one in family if serves(one.pid, home / "postgres")]
    elif part == "worker":
        found = [one for one in marked(str(home), part) if one.pid == first.pid]
    else:
        found = marked(str(home), part)
    if not found:
        raise FaultNotMade(f"no process of {part} is known beyond doubt")
    return sorted(found, key=lambda one: one.pid != first.pid)


def flow_runs(home: Path) -> list[psutil.Process]:
    """The processes of flow runs: what the worker started, beside itself."""
    return [one for one in marked(str(home), "worker") if "prefect.engine" in _words(one) or _is_run(one)]


def _is_run(process: psutil.Process) -> bool:
    words = _words(process)
    return "flow-run" in words and "execute" in words


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def send(processes: Iterable[psutil.Process], number: int) -> int:
    """Signal each; how many were there to take it."""
    count = 0
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
            count += 1
    return count


def pause(processes: Sequence[psutil.Process]) -> None:
    """Stop them. PostgreSQL's children first: the first process would else start new ones."""
    send(reversed(processes), signal.SIGSTOP)


def go_on(processes: Sequence[psutil.Process]) -> None:
    """Let them go on."""
    send(processes, signal.SIGCONT)

"""Starting and ending the processes of a part: each in a group of its own, none left behind."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil

from local.environment import MARK

_PR_SET_PDEATHSIG = 1
#: psutil computes a creation time from clock ticks and the boot time: two readings may differ by this much
_SAME_TIME = 0.05


@dataclass(frozen=True)
class Identity:
    """A process beyond doubt: a pid alone may have been given to a stranger since."""

    pid: int
    created: float

    def alive(self) -> psutil.Process | None:
        """The process, if it is still this very one and no zombie."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) <= _SAME_TIME
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


def identify(pid: int) -> Identity | None:
    """The identity of ``pid``, or None when it is gone already."""
    try:
        return Identity(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def child_setup(death_signal: int, then: Callable[[], None] | None = None) -> Callable[[], None]:
    """What a new child does before it becomes its program (``preexec_fn``).

    It asks the kernel for ``death_signal`` when the supervisor dies, however it dies, and restores the default
    of SIGINT: a shell's background job inherits an ignored one, and a Prefect worker then survives SIGTERM.
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    supervisor = os.getpid()

    def setup() -> None:
        if then is not None:
            then()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != supervisor:  # it died between the fork and the line above
            os._exit(1)

    return setup


def signal_group(group: int, number: int) -> None:
    """Send a signal to a whole process group; one that is gone is fine."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def marked(home: str, part: str | None = None) -> list[psutil.Process]:
    """The living processes that were started as ``part`` (None: any part) of the platform in ``home``.

    Their environment says so, also when they have left their group or lost their parent. This process and its
    ancestors are never among them.
    """
    spared = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            environment = process.environ() if process.pid not in spared else {}
            mine = MARK in environment and environment.get("ASSAY_HOME") == home
            if mine and part in (None, environment[MARK]):
                found.append(process)
    return found


def end(processes: Iterable[psutil.Process], number: int, patience: float) -> None:
    """Signal each process, and kill what is still there after ``patience`` seconds."""
    processes = list(processes)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(number)
    _, stubborn = psutil.wait_procs(processes, timeout=patience)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=2.0)


def memory(identity: Identity) -> int | None:
    """Resident bytes of a process and all its children; None when it is gone.

    Shared pages count by their share: PostgreSQL's processes, each with all of its buffers, would else be
    shown as several times what they take.
    """
    process = identity.alive()
    if process is None:
        return None
    total = 0
    with contextlib.suppress(psutil.Error):
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                total += _resident(one)
    return total


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.AccessDenied, AttributeError):  # another account's process; a system that does not tell
        return int(process.memory_info().rss)


def wait_until(condition: Callable[[], bool], seconds: float, every: float = 0.02) -> bool:
    """Whether ``condition`` came true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(every)
    return True

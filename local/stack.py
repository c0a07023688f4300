"""The platform as other code uses it: start it, ask it, stop it.

with running_platform(settings) as platform:
    platform.urls()["prefect"]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from config.errors import PlatformError
from config.settings import Settings
from local.environment import PROJECT, settings_environment
from local.leftovers import end_leftovers
from local.logfiles import SUPERVISOR, log_path, tail
from local.preflight import check_home
from local.process import identify, wait_until
from local.secrets import ensure_secrets, with_secrets
from local.state import PlatformState, RunFolder

START_SECONDS = 180.0
STOP_SECONDS = 30.0
#: what is said while the platform comes up: the names of the parts that are not ready yet
Progress = Callable[[list[str]], None]


@dataclass(frozen=True)
class Platform:
    """A platform that runs. ``settings`` has the generated secrets filled in; ``process`` is its supervisor's,
    where this process started it.
    """

    settings: Settings
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False, compare=False)

    def urls(self) -> dict[str, str]:
        """Part name -> address that a browser or client can open."""
        state = RunFolder(self.settings.home).read()
        return {
            part.name: part.url
            for part in (state.parts if state else [])
            if part.url is not None and part.url.startswith("http")
        }

    def state(self) -> PlatformState | None:
        """What the supervisor wrote last."""
        return RunFolder(self.settings.home).read()

    def stop(self) -> bool:
        """Stop everything; see :func:`stop_platform`."""
        stopped = stop_platform(self.settings.home)
        if self.process is not None:
            self.process.wait(STOP_SECONDS)
        return stopped


@contextmanager
def running_platform(settings: Settings, progress: Progress | None = None) -> Iterator[Platform]:
    """Start a platform of one's own, and stop it at the end, whatever happens in between.

    Raises:
        PlatformError: one runs in that home already, or it cannot come up.
    """
    platform = start_detached(settings, progress)
    try:
        yield platform
    finally:
        platform.stop()


def start_detached(
    settings: Settings,
    progress: Progress | None = None,
    program: str = "local.run",
    seconds: float = START_SECONDS,
) -> Platform:
    """Start a supervisor that outlives this process, and return once every part is ready.

    Args:
        settings: of the platform.
        progress: told of the parts that are not ready yet.
        program: the module that supervises.
        seconds: it must be up within.

    Raises:
        PlatformError: one runs in that home already, or it cannot come up (nothing of it is left running).
    """
    home, folder = settings.home, RunFolder(settings.home)
    check_home(home)
    folder.lock().close()
    ensure_secrets(home)
    settings = with_secrets(settings)
    log = log_path(home, SUPERVISOR)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", program],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=PROJECT,
            env=_supervisor_environment(settings),
            start_new_session=True,
        )
    try:
        _await_ready(process, folder, log, progress, seconds)
    except BaseException:
        if process.poll() is None:
            process.terminate()
            process.wait(STOP_SECONDS)
        raise
    return Platform(settings, process)


def stop_platform(home: Path) -> bool:
    """Stop the platform in ``home`` and whatever an earlier one left; False when nothing ran.

    Raises:
        PlatformError: the supervisor does not end.
    """
    folder = RunFolder(home)
    if not folder.locked():
        return _clean(home, folder)
    state = folder.read()
    process = state.supervisor.alive() if state else None
    if process is None:
        raise PlatformError(
            f"A supervisor holds {folder.lock_file}, and its state file does not say which.",
            hint=f"`fuser {folder.lock_file}` names it; end it with SIGTERM.",
        )
    process.send_signal(signal.SIGTERM)
    if not wait_until(lambda: not folder.locked(), STOP_SECONDS):
        raise PlatformError(
            f"The platform (pid {process.pid}) did not stop within {STOP_SECONDS:.0f} s.",
            hint=f"See `assay logs {SUPERVISOR}`; after `kill -9 {process.pid}` the next start cleans up.",
        )
    return True


def _clean(home: Path, folder: RunFolder) -> bool:
    if not folder.path.is_dir():
        return False
    with folder.lock():
        return end_leftovers(home) > 0


def _supervisor_environment(settings: Settings) -> dict[str, str]:
    environment = settings_environment(settings)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    return environment


def _await_ready(
    process: subprocess.Popen[bytes], folder: RunFolder, log: Path, progress: Progress | None, seconds: float
) -> None:
    me = identify(process.pid)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        state = folder.read()
        if state is not None and me is not None and state.supervisor == me:
            if state.phase == "ready":
                return
            if progress is not None:
                progress([p.title for p in state.parts if p.condition not in ("running", "done", "external")])
        if process.poll() is not None:
            raise _failure(folder.read(), me is not None and state is not None and state.supervisor == me, log)
        time.sleep(0.1)
    raise PlatformError(f"The platform was not ready within {seconds:.0f} s.", hint=f"Its log is {log}.")


def _failure(state: PlatformState | None, its_own: bool, log: Path) -> PlatformError:
    if state is not None and its_own and state.error:
        return PlatformError(state.error, hint=state.hint)
    words = [line for line in tail(log, 5) if line.startswith("error: ")]
    return PlatformError(
        words[-1].removeprefix("error: ") if words else "The platform ended while it came up.",
        hint=None if words else f"Its log is {log}.",
    )

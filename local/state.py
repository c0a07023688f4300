"""What the supervisor writes down for other shells and for its successor, and the lock that it holds."""

from __future__ import annotations

import fcntl
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Literal

from config.errors import PlatformError
from local.process import Identity, wait_until

#: `assay status` holds the lock for a moment to see whether it is free: not worth a refusal.
LOOK_SECONDS = 0.3

Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]
Condition = Literal["waiting", "starting", "running", "done", "external", "restarting", "stopping", "stopped"]


@dataclass
class PartState:
    """A part as the supervisor sees it. Times are seconds since the epoch."""

    name: str
    title: str
    kind: str
    condition: Condition = "waiting"
    pid: int | None = None
    created: float | None = None
    since: float | None = None
    restarts: int = 0
    url: str | None = None
    port: int | None = None
    stop_signal: int = 15
    detail: str = ""

    @property
    def identity(self) -> Identity | None:
        """Its process, when it has one."""
        return None if self.pid is None or self.created is None else Identity(self.pid, self.created)


@dataclass
class PlatformState:
    """The whole platform."""

    pid: int
    created: float
    phase: Phase = "starting"
    started: float = 0.0
    ready: float | None = None
    error: str | None = None
    hint: str | None = None
    parts: list[PartState] = field(default_factory=list)

    @property
    def supervisor(self) -> Identity:
        """The supervisor's process."""
        return Identity(self.pid, self.created)


@dataclass(frozen=True)
class RunFolder:
    """``ASSAY_HOME/run``: the state file and the lock."""

    home: Path

    @property
    def path(self) -> Path:
        """The folder."""
        return self.home / "run"

    @property
    def state_file(self) -> Path:
        """Where the state is written."""
        return self.path / "state.json"

    @property
    def lock_file(self) -> Path:
        """The file whose lock the supervisor holds as long as it lives."""
        return self.path / "supervisor.lock"

    def write(self, state: PlatformState) -> None:
        """Replace the state file in one step, so that a reader never sees half of it."""
        temporary = self.state_file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(state)))
        temporary.replace(self.state_file)

    def read(self) -> PlatformState | None:
        """The last written state; None where there is none, or none that can be read."""
        try:
            return _state(json.loads(self.state_file.read_text()))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def lock(self) -> IO[str]:
        """Take the lock; it is released when the returned file closes or this process ends, however it ends.

        Raises:
            PlatformError: another supervisor holds it; the message has its pid and its addresses.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        file = self.lock_file.open("a+")
        os.set_inheritable(file.fileno(), False)
        if not wait_until(lambda: _taken(file), LOOK_SECONDS, every=0.01):
            file.close()
            raise PlatformError(_already_running(self.read()), hint="`assay down` stops it.")
        return file

    def locked(self) -> bool:
        """Whether a supervisor lives."""
        try:
            with self.lock_file.open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _already_running(state: PlatformState | None) -> str:
    if state is None or state.supervisor.alive() is None:  # what is written there is about an earlier one
        return "Assay is already starting in this folder."
    urls = ", ".join(f"{part.title} {part.url}" for part in state.parts if (part.url or "").startswith("http"))
    return f"Assay is already running (pid {state.pid}" + (f"; {urls})." if urls else ").")


def _state(raw: dict[str, Any]) -> PlatformState:
    parts = [PartState(**part) for part in raw.pop("parts")]
    return PlatformState(**raw, parts=parts)

"""Bringing a planned fault about, and undoing it."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from chaos import processes
from chaos.clock import LIBRARY, jumped
from chaos.disk import Disk
from chaos.errors import FaultNotMade
from chaos.kinds import KINDS
from chaos.poison import poisoned
from chaos.schedule import Planned
from chaos.store import Store
from config.errors import AssayError
from config.settings import Settings

Injection = Callable[[Planned], AbstractContextManager[str]]


class Faults:
    """Faults of one platform.

    Args:
        store: its object store.
        disk: the disk that its home lies on; None where there is none of its own.
        marker: the file that poisoned code would make.
    """

    def __init__(self, settings: Settings, store: Store, disk: Disk | None, marker: Path, seed: int) -> None:
        self._settings, self._store, self._disk, self.marker = settings, store, disk, marker
        self._draw = random.Random(seed)

    @property
    def home(self) -> Path:
        """ASSAY_HOME of the platform."""
        return self._settings.home

    def possible(self) -> tuple[str, ...]:
        """The kinds that this machine lets us bring about."""
        disk = self._disk.kinds if self._disk else ()
        needs = {name: name in disk for name in KINDS if name.startswith("disk-")}
        needs["clock"] = LIBRARY in os.environ
        return tuple(name for name in KINDS if needs.get(name, True))

    def inject(self, planned: Planned) -> AbstractContextManager[str]:
        """The fault is there inside; it has ended once the block has. Yields what was done.

        Raises:
            FaultNotMade: it cannot be brought about now.
        """
        kinds: dict[str, Injection] = {
            "kill": self._kill,
            "pause": self._pause,
            "crash": self._crash,
            "kill-run": self._kill_run,
            "disk-full": self._full,
            "disk-slow": self._slow,
            "disk-stall": self._stall,
            "clock": self._clock,
            "poison": self._poison,
            "hang": self._hang,
        }
        return kinds[planned.kind](planned)

    @contextlib.contextmanager
    def _kill(self, planned: Planned) -> Iterator[str]:
        if planned.target == "objects":
            self._store.kill()
            yield self._store.name
            return
        count = processes.send(processes.part_processes(self.home, planned.target), signal.SIGKILL)
        yield f"{count} processes"

    @contextlib.contextmanager
    def _pause(self, planned: Planned) -> Iterator[str]:
        if planned.target == "objects":
            with self._store.paused() as said:
                time.sleep(planned.seconds)
                yield said
            return
        found = processes.part_processes(self.home, planned.target)
        processes.pause(found)
        try:
            time.sleep(planned.seconds)
        finally:
            processes.go_on(found)
        yield f"{len(found)} processes for {planned.seconds:g} s"

    @contextlib.contextmanager
    def _crash(self, planned: Planned) -> Iterator[str]:
        first, *others = processes.part_processes(self.home, planned.target)
        victim = self._draw.choice(others or [first])
        words = " ".join(victim.cmdline())[:60]
        processes.send([victim], signal.SIGKILL)
        yield words

    @contextlib.contextmanager
    def _kill_run(self, planned: Planned) -> Iterator[str]:
        deadline = time.monotonic() + max(planned.seconds, 5.0) + 15.0
        while not (found := processes.flow_runs(self.home)):
            if time.monotonic() > deadline:
                raise FaultNotMade("no flow run was there to be killed")
            time.sleep(0.2)
        time.sleep(min(planned.seconds, 6.0))
        count = processes.send([one for one in found if one.is_running()], signal.SIGKILL)
        if not count:
            raise FaultNotMade("the flow run had ended already")
        yield f"{count} processes of flow runs"

    @contextlib.contextmanager
    def _hang(self, planned: Planned) -> Iterator[str]:
        found = processes.part_processes(self.home, planned.target)
        processes.pause(found)
        yield f"{len(found)} processes, for good"

    @contextlib.contextmanager
    def _full(self, planned: Planned) -> Iterator[str]:
        with self._own_disk().full() as said:
            time.sleep(planned.seconds)
            yield said

    @contextlib.contextmanager
    def _slow(self, planned: Planned) -> Iterator[str]:
        with self._own_disk().slow() as said:
            time.sleep(planned.seconds)
            yield said

    @contextlib.contextmanager
    def _stall(self, planned: Planned) -> Iterator[str]:
        self._own_disk().stall(planned.seconds)
        yield f"frozen for {planned.seconds:g} s"

    @contextlib.contextmanager
    def _clock(self, planned: Planned) -> Iterator[str]:
        with jumped(self.home, planned.target, planned.detail) as said:
            time.sleep(planned.seconds)
            yield said

    @contextlib.contextmanager
    def _poison(self, planned: Planned) -> Iterator[str]:
        try:
            with poisoned(self._settings, planned.target, self.marker, planned.number) as version:
                time.sleep(planned.seconds)
                yield f"version {version}, {self._refusal(version)}"
        except AssayError as error:
            raise FaultNotMade(f"MLflow: {error.message}") from error
        if self.marker.exists():
            raise RuntimeError("the poisoned pickle was loaded: its code ran")

    def _refusal(self, version: str) -> str:
        """What the service says of the poisoned version.

        Raises:
            RuntimeError: it serves it.
        """
        import httpx

        url = f"http://127.0.0.1:{self._settings.viral_port}/health"
        said = httpx.get(url, timeout=10.0, trust_env=False).json()
        text = str(said)
        if said.get("model_version") == version:
            raise RuntimeError(f"the poisoned version {version} is served")
        return "refused" if "refused" in text else f"not taken up ({text[:200]})"

    def _own_disk(self) -> Disk:
        if self._disk is None:
            raise FaultNotMade("the platform has no disk of its own here")
        return self._disk

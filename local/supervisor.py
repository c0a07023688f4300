"""The supervisor: brings every part up in order, keeps it up, and takes it down in reverse order.

One process, one event loop, no daemon beside it. docs/decisions/0007-own-supervisor.md says why it is ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config.errors import PlatformError
from local.console import Console
from local.leftovers import end_leftovers
from local.logfiles import LogFile, log_path
from local.parts import Part
from local.preflight import check_home, check_ports, check_space
from local.process import identify
from local.runner import Runner
from local.state import Phase, PlatformState, RunFolder

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Supervisor:
    """Runs ``parts`` with their data and logs in ``home``."""

    def __init__(self, parts: Sequence[Part], home: Path, console: Console) -> None:
        self.home, self.console, self.folder = home, console, RunFolder(home)
        self._runners = {
            part.name: Runner(part, LogFile(log_path(home, part.name)), console, self._write) for part in parts
        }
        me = identify(os.getpid())
        self._state = PlatformState(
            pid=os.getpid(),
            created=me.created if me else 0.0,
            started=time.time(),
            parts=[runner.state for runner in self._runners.values()],
        )
        self._asked_to_stop = asyncio.Event()

    async def run(self) -> None:
        """Bring everything up and stay until a signal asks to stop; then stop everything.

        Raises:
            PlatformError: another supervisor runs here, or a part could not be brought up (all is stopped).
        """
        check_home(self.home)
        with self.folder.lock():
            try:
                self._listen()
                self._prepare()
                await self._stay()
            except PlatformError as error:
                self._state.error, self._state.hint = error.message, error.hint
                raise
            finally:
                await self._stop()

    def _prepare(self) -> None:
        ended = end_leftovers(self.home)
        if ended:
            self.console.say(f"ended {ended} processes that an earlier run had left behind")
        self._write()
        check_space(self.home)
        check_ports([runner.part for runner in self._runners.values()])

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._asked_to_stop.set)

    async def _stay(self) -> None:
        keepers = [
            asyncio.create_task(runner.keep([self._runners[name] for name in runner.part.needs]))
            for runner in self._runners.values()
        ]
        side = [asyncio.create_task(self._announce()), asyncio.create_task(self._asked_to_stop.wait())]
        try:
            await _first_failure(keepers, until=side[1])
        finally:
            for task in (*keepers, *side):
                task.cancel()
            await asyncio.gather(*keepers, *side, return_exceptions=True)

    async def _announce(self) -> None:
        for runner in self._runners.values():
            await runner.ready.wait()
        self._state.ready = time.time()
        self._phase("ready")
        self.console.say(f"ready after {self._state.ready - self._state.started:.1f} s")
        for runner in self._runners.values():
            if (runner.part.url or "").startswith("http"):
                self.console.say(f"{runner.part.title}: {runner.part.url}")

    async def _stop(self) -> None:
        """Stop in reverse: a part is asked to end once all that need it have ended."""
        self._phase("stopping")
        stops: dict[str, asyncio.Task[None]] = {}

        async def stop(runner: Runner) -> None:
            dependents = [
                stops[name] for name, other in self._runners.items() if runner.part.name in other.part.needs
            ]
            await asyncio.gather(*dependents)
            await runner.stop()

        for name, runner in reversed(self._runners.items()):
            stops[name] = asyncio.create_task(stop(runner))
        await asyncio.gather(*stops.values())
        await asyncio.to_thread(end_leftovers, self.home)
        self._phase("failed" if self._state.error else "stopped")

    def _phase(self, phase: Phase) -> None:
        self._state.phase = phase
        self._write()

    def _write(self) -> None:
        # on a full disk the platform goes on; `assay status` then shows the last state that could be written
        with contextlib.suppress(OSError):
            self.folder.write(self._state)


async def _first_failure(keepers: Sequence[asyncio.Task[None]], until: asyncio.Task[Any]) -> None:
    """Return when ``until`` is done; raise what ends a keeper before that."""
    waiting: set[asyncio.Task[Any]] = {*keepers, until}
    while not until.done():
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task

"""Keeps one part running: starts it when what it needs is ready, watches it, starts it again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import math
import signal
import time
from collections.abc import Callable, Sequence
from typing import NoReturn

from config.errors import PlatformError
from local.backoff import Backoff
from local.console import Console
from local.environment import PROJECT
from local.logfiles import Lines, LogFile, tail
from local.parts import Part
from local.preflight import check_ports, disk_error
from local.process import child_setup, end, identify, marked, signal_group
from local.state import Condition, PartState

PROBE_EVERY = 0.25
EXIT_EVERY = 0.1
WATCH_EVERY = 10.0
#: A server that stays silent this many looks in a row is hung, and is started again.
HUNG_AFTER = 6
#: Starts that may fail in a row before the platform gives up on coming up.
FIRST_ATTEMPTS = 3


class StartFailed(Exception):
    """The part did not become ready this time; the message is the reason, for the log and the next attempt."""


class Runner:
    """The life of one part. All methods run in the supervisor's event loop."""

    def __init__(self, part: Part, log: LogFile, console: Console, changed: Callable[[], None]) -> None:
        self.part, self.log, self.console = part, log, console
        self.ready = asyncio.Event()
        self.state = PartState(
            part.name, part.title, part.kind, url=part.url, port=part.port, stop_signal=int(part.stop_signal)
        )
        self._changed = changed
        self._process: asyncio.subprocess.Process | None = None
        self._pump: asyncio.Task[None] | None = None
        self._backoff = Backoff()

    async def keep(self, needs: Sequence[Runner]) -> None:
        """Run until cancelled; a job or an external part returns once it is done.

        Raises:
            PlatformError: the part could not be brought up the first time.
        """
        for need in needs:
            await need.ready.wait()
        while True:
            uptime, reason = await self._live()
            if self.state.condition in ("done", "external"):
                return
            delay = self._backoff.after(uptime)
            if not self.ready.is_set() and self._backoff.deaths >= FIRST_ATTEMPTS:
                raise PlatformError(
                    f"{self.part.title} did not start: {reason}.", hint=f"Its log is {self.log.path}."
                )
            self.state.restarts += 1
            self.console.say(f"{self.part.title}: {reason}; next start in {delay:.1f} s")
            self._set("restarting", detail=reason)
            await asyncio.sleep(delay)

    async def stop(self) -> None:
        """Ask the part to end, then insist. Nothing of its process group is left."""
        process = self._process
        if process is not None:
            self._set("stopping")
            if self.part.runs_jobs:
                signal_group(process.pid, self.part.stop_signal)
            else:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(self.part.stop_signal)
            await _exit_of(process, self.part.stop_seconds)
            await asyncio.to_thread(self._end_group, process.pid)
            await self._bury()
        self._set("stopped")
        self.log.close()

    # -- one life ------------------------------------------------------------------------------------------
    async def _live(self) -> tuple[float, str]:
        """Start the part and stay with it to its end: (seconds it was ready, why it ended)."""
        try:
            if self.part.kind == "external":
                await self._await_external()
                return 0.0, ""
            await self._spawn()
            if self.part.kind == "job":
                return await self._await_job()
            await self._await_ready()
            since = time.monotonic()
            reason = await self._watch()
            return time.monotonic() - since, reason
        except StartFailed as failure:
            return 0.0, str(failure)
        finally:
            if not _cancelling():
                await self._bury()

    async def _spawn(self) -> None:
        try:
            self._process = await self._create()
        except OSError as error:
            self._refused(disk_error(error, self.log.path.parent))
        except PlatformError as error:
            self._refused(error)
        process = self._require_process()
        identity = identify(process.pid)
        self.state.pid, self.state.created = process.pid, identity.created if identity else None
        self._pump = asyncio.create_task(self._copy_output(process))
        self._set("starting")

    async def _create(self) -> asyncio.subprocess.Process:
        part = self.part
        if part.before is not None:
            await asyncio.to_thread(part.before)
        check_ports([part])
        options = {"cwd": PROJECT, **part.options()}
        setup = child_setup(part.stop_signal, options.pop("preexec_fn", None))
        # started from this very thread: the kernel ties the death signal to the thread that forks
        return await asyncio.create_subprocess_exec(
            *(part.command() if part.command else ()),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(part.environment),
            process_group=0,
            preexec_fn=setup,
            **options,
        )

    def _refused(self, error: PlatformError) -> NoReturn:
        """What cannot work ends the coming up at once; later it may mend itself, and is tried again."""
        if not self.ready.is_set():
            raise error
        raise StartFailed(error.message.rstrip("."))

    async def _await_ready(self) -> None:
        process, started = self._require_process(), time.time()
        deadline = time.monotonic() + self.part.start_seconds
        while not await self._answers(started):
            if process.returncode is not None:
                raise StartFailed(_ending(process.returncode) + " before it was ready")
            if time.monotonic() > deadline:
                raise StartFailed(f"it did not answer within {self.part.start_seconds:.0f} s")
            await asyncio.sleep(PROBE_EVERY)
        try:
            if self.part.after is not None:
                await asyncio.to_thread(self.part.after)
        except PlatformError as error:
            self._refused(error)
        self._up("running")

    async def _watch(self) -> str:
        """Wait for the end of a server that is ready; one that stays silent counts as ended."""
        process, silent = self._require_process(), 0
        while silent < HUNG_AFTER:
            code = await _exit_of(process, WATCH_EVERY)
            if code is not None:
                return _ending(code)
            well = not self.part.own_endpoint or await self._answers(0.0)
            silent = 0 if well else silent + 1
        return f"it has not answered for {HUNG_AFTER * WATCH_EVERY:.0f} s"

    async def _await_job(self) -> tuple[float, str]:
        code = await _exit_of(self._require_process(), math.inf)
        if code == 0:
            self._up("done")
            return 0.0, ""
        if self._pump is not None:
            await asyncio.wait({self._pump}, timeout=1.0)
        return 0.0, f"{_ending(code)}{self._last_words()}"

    async def _await_external(self) -> None:
        deadline = time.monotonic() + self.part.start_seconds
        while not await self._answers(0.0):
            if time.monotonic() > deadline:
                raise PlatformError(
                    f"{self.part.title} at {self.part.url} does not answer.",
                    hint=f"Check that it runs, and the setting {self.part.setting}.",
                )
            await asyncio.sleep(PROBE_EVERY)
        if self.part.after is not None:
            await asyncio.to_thread(self.part.after)
        self._up("external")

    # -- inside ----------------------------------------------------------------------------------------------
    async def _answers(self, since: float) -> bool:
        try:
            return self.part.probe is None or await asyncio.to_thread(self.part.probe, since)
        except PlatformError as error:
            self._refused(error)

    async def _bury(self) -> None:
        """End whatever is left of the process group, and forget the process."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await _exit_of(process, 5.0)
        if not self.part.runs_jobs:
            await asyncio.to_thread(self._end_group, process.pid)
        if self._pump is not None and not self.part.runs_jobs:
            # bounded: a process that left the group may hold the pipe open
            await asyncio.wait({self._pump}, timeout=1.0)
        self.state.pid = self.state.created = None

    def _end_group(self, group: int) -> None:
        signal_group(group, signal.SIGKILL)
        # BentoML's workers leave the group for sessions of their own, and would go on holding the port
        home = self.part.environment.get("ASSAY_HOME")
        if home:
            end(marked(home, self.part.name), signal.SIGKILL, 1.0)

    async def _copy_output(self, process: asyncio.subprocess.Process) -> None:
        lines = Lines()
        while process.stdout is not None and (chunk := await process.stdout.read(65536)):
            self._write(lines.feed(chunk))
        self._write(lines.end())

    def _write(self, lines: list[bytes]) -> None:
        if lines:
            self.log.write(b"".join(lines))
        for line in lines:
            self.console.line(self.part.name, line.decode(errors="replace").rstrip())

    def _last_words(self) -> str:
        words = [line.strip() for line in tail(self.log.path, 20) if line.strip()]
        return f" ({words[-1][:300].rstrip('.')})" if words else ""

    def _up(self, condition: Condition) -> None:
        self._set(condition)
        self.ready.set()

    def _set(self, condition: Condition, detail: str = "") -> None:
        self.state.condition = condition
        self.state.detail = detail
        self.state.since = time.time()
        self._changed()

    def _require_process(self) -> asyncio.subprocess.Process:
        if self._process is None:
            raise StartFailed("it was not started")
        return self._process


async def _exit_of(process: asyncio.subprocess.Process, seconds: float) -> int | None:
    """The exit code, or None when the process still runs after ``seconds``.

    ``Process.wait`` will not do: before Python 3.12.4 it also waits until nobody holds the output pipe any
    more, and the children of a server that was killed hold it.
    """
    deadline = time.monotonic() + seconds
    while process.returncode is None and time.monotonic() < deadline:
        await asyncio.sleep(EXIT_EVERY)
    return process.returncode


def _cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _ending(code: int | None) -> str:
    if code is None:
        return "it does not end"
    if code >= 0:
        return f"it ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"it was ended by {signal.Signals(-code).name}"
    return f"it was ended by signal {-code}"

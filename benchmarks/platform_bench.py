"""How long ``assay up`` takes, cold and warm, against starting the same parts one after another.

The alternative is what a shell script does: start a part, wait until it answers, start the next. Its time is
measured on the same platform in the same run: the supervisor's own plan, each part made to need the one before.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from config.settings import Settings, load_settings
from local.console import Console
from local.parts import Part
from local.plan import plan
from local.ports import own_ports
from local.secrets import with_secrets
from local.stack import running_platform
from local.supervisor import Supervisor

ROUNDS = 3


def _start(settings: Settings) -> tuple[float, float, float]:
    """(seconds to ready, seconds to stop, memory in MB) of one start of all parts."""
    began = time.monotonic()
    with running_platform(settings) as platform:
        ready = time.monotonic() - began
        state = platform.state()
        assert state is not None
        supervisor = psutil.Process(state.pid)
        processes = [supervisor, *supervisor.children(recursive=True)]
        memory = sum(process.memory_info().rss for process in processes if process.is_running()) / 1e6
        began = time.monotonic()
    return ready, time.monotonic() - began, memory


def _one_after_another(settings: Settings) -> float:
    """Seconds until all is ready when each part waits for the one before it in the plan."""
    chained: list[Part] = []
    for part in plan(settings):
        before = (chained[-1].name,) if chained else ()
        chained.append(replace(part, needs=tuple(dict.fromkeys((*part.needs, *before)))))
    with open(os.devnull, "w") as nowhere:
        supervisor = Supervisor(chained, settings.home, Console(nowhere, []))
        return asyncio.run(_until_ready(supervisor))


async def _until_ready(supervisor: Supervisor) -> float:
    began = time.monotonic()
    running = asyncio.create_task(supervisor.run())
    while not running.done():
        state = supervisor.folder.read()
        if state is not None and state.ready and state.pid == os.getpid():
            break
        await asyncio.sleep(0.05)
    seconds = time.monotonic() - began
    if not running.done():
        os.kill(os.getpid(), signal.SIGTERM)  # the supervisor's own way to be stopped
    await running
    return seconds


def run() -> list[dict[str, Any]]:
    """One cold start, then warm ones in turn: ours, and one part after another."""
    folder = Path(tempfile.mkdtemp(prefix="assay-bench-"))
    folder.chmod(0o755)  # PostgreSQL's account must be able to enter
    try:
        settings = load_settings(assay_home=folder / "home", **own_ports())
        cold, _, _ = _start(settings)
        settings = with_secrets(settings)
        warm, chained, stops, memory = [], [], [], 0.0
        for _ in range(ROUNDS):
            chained.append(_one_after_another(settings))
            ready, stop, memory = _start(settings)
            warm.append(ready)
            stops.append(stop)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    mine, theirs = statistics.median(warm), statistics.median(chained)
    how = "other: the same parts one after another"
    return [
        {
            "figure": "assay up, cold",
            "ours": cold,
            "unit": "s",
            "note": "empty home, databases made; at most 60",
        },
        {
            "figure": "assay up, warm",
            "ours": mine,
            "other": theirs,
            "ratio": theirs / mine,
            "unit": "s",
            "note": f"at most 30; {how}",
        },
        {"figure": "assay down", "ours": statistics.median(stops), "unit": "s", "note": "every part stopped"},
        {
            "figure": "memory of the platform",
            "ours": memory,
            "unit": "MB",
            "note": "RSS of all processes, summed",
        },
    ]

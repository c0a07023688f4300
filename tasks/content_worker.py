"""``python -m tasks.content_worker``: hands out what is due, and does what Prefect gives it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from config.errors import AssayError
from config.log import configure_logging
from config.settings import apply_tool_environment, load_settings
from tasks.observing import run_context

logger = logging.getLogger(__name__)

#: Touched after each look: whoever watches the worker looks at its age.
ALIVE = "services/content-worker/alive"
RESTART_SECONDS = 2.0


def main() -> int:
    """Work until told to stop; gives the exit status."""
    try:
        settings = load_settings()
        configure_logging(settings.log_level, settings.log_format, "content-worker", run_context)
        apply_tool_environment(settings)
    except AssayError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    # several pieces of work run beside one another: each is done sooner without threads of its own
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # after the environment is set: Prefect reads it when it is imported
    from storage.database import database_now
    from tasks.content_dispatch import Dispatcher
    from tasks.content_hooks import Teller
    from tasks.content_jobs import media_job, moderate_and_analyze
    from tasks.content_tools import close_tools
    from tasks.platform import Platform

    alive = settings.home / ALIVE
    alive.parent.mkdir(parents=True, exist_ok=True)
    parts = Platform(settings)
    served = threading.Event()
    dispatcher = Dispatcher(parts, settings.content_workers, alive.touch, served.is_set)
    teller = Teller(parts.engine, settings, lambda: database_now(parts.engine))
    threads = [
        threading.Thread(target=dispatcher.run, name="dispatcher", daemon=True),
        threading.Thread(target=teller.run, name="teller", daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        asyncio.run(_serve([moderate_and_analyze, media_job], settings.content_workers, served))
    finally:
        dispatcher.stop()
        teller.stop()
        for thread in threads:
            thread.join(timeout=5.0)
        parts.close()
        close_tools()
    return 0


async def _serve(tasks: list[Any], limit: int, served: threading.Event) -> None:
    """Do what Prefect hands to this worker; started anew when Prefect was away. Ends at SIGTERM or SIGINT.

    Each task has ``limit`` places of its own: nobody's comment waits for somebody's film. ``served`` is set
    while this worker takes work from Prefect.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    taking: set[str] = set()

    async def serving(task: Any) -> None:
        from prefect.task_worker import TaskWorker

        while not stop.is_set():
            try:
                worker = TaskWorker(task, limit=limit)
                # its own handling of SIGTERM would end the process in the middle of our work
                async with worker:
                    taking.add(task.name)
                    if len(taking) == len(tasks):
                        served.set()
                    await worker._subscribe_to_task_scheduling()  # type: ignore[no-untyped-call]
            except Exception as error:  # noqa: BLE001 - Prefect is away: work goes on without it
                logger.warning("Prefect gives no work (%s); the dispatcher does it", type(error).__name__)
            finally:
                taking.discard(task.name)
                served.clear()
            await asyncio.sleep(RESTART_SECONDS)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = [asyncio.create_task(serving(one)) for one in tasks]
    await stop.wait()
    for one in running:
        one.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def alive_since(home: Path, since: float) -> bool:
    """Whether the worker of ``home`` has looked for work after ``since`` (seconds of the epoch)."""
    try:
        return (home / ALIVE).stat().st_mtime >= since
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(main())

"""A Dask scheduler and workers as processes of this machine, started as docs/guides/dask.md says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.settings import TELEMETRY_OFF
from local.ports import free_port

ROOT = Path(__file__).parents[1]
DASK = str(Path(sys.executable).parent / "dask")
START_SECONDS = 60


@dataclass(frozen=True)
class Cluster:
    """The scheduler's address, and the workers' processes and logs."""

    address: str
    workers: list[subprocess.Popen[bytes]]
    logs: list[Path]

    def kill_one(self) -> None:
        """End a worker without a word, as a machine that loses its power."""
        self.workers[0].kill()
        self.workers[0].wait()


@contextmanager
def cluster(folder: Path, environment: Mapping[str, str], workers: int = 2) -> Iterator[Cluster]:
    """A scheduler with so many worker processes of one thread each; all are stopped at the end."""
    from distributed import Client

    address = f"tcp://127.0.0.1:{free_port()}"
    surroundings = {**os.environ, **TELEMETRY_OFF, "PYTHONPATH": str(ROOT), **environment}
    scheduler = [
        DASK,
        "scheduler",
        "--host",
        "127.0.0.1",
        "--port",
        address.rpartition(":")[2],
        "--no-dashboard",
    ]
    worker = [
        DASK, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1",
        "--memory-limit", "2GiB", "--local-directory", str(folder / "scratch"),
    ]  # fmt: skip
    with ExitStack() as running:
        running.enter_context(_process(scheduler, surroundings, folder / "scheduler.log"))
        logs = [folder / f"worker-{number}.log" for number in range(workers)]
        processes = [running.enter_context(_process(worker, surroundings, log)) for log in logs]
        make: Any = Client
        with make(address, timeout=START_SECONDS, set_as_default=False) as client:
            if workers:
                client.wait_for_workers(workers, timeout=START_SECONDS)
        yield Cluster(address, processes, logs)


@contextmanager
def _process(
    command: list[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=dict(environment), cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 5
    process.send_signal(signal.SIGTERM)
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    if process.poll() is None:
        process.kill()
    process.wait()

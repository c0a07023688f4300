"""The suite finds the processes of its own platform, and no others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos import processes
from chaos.errors import FaultNotMade
from local.environment import MARK
from local.process import identify, wait_until
from local.state import PartState, PlatformState, RunFolder

_SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[bytes]]]:
    made: list[subprocess.Popen[bytes]] = []
    yield made
    for process in made:
        process.kill()
        process.wait()


def _start(started: list[subprocess.Popen[bytes]], home: Path, part: str) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(_SLEEPS, env={**os.environ, "ASSAY_HOME": str(home), MARK: part})
    started.append(process)
    assert wait_until(lambda: Path(f"/proc/{process.pid}/cmdline").read_bytes().startswith(b"/"), 5.0)
    return process


def _write_state(home: Path, part: str, pid: int) -> None:
    identity = identify(pid)
    assert identity is not None
    folder = RunFolder(home)
    folder.path.mkdir(parents=True, exist_ok=True)
    state = PartState(part, part, "server", "running", pid=pid, created=identity.created)
    folder.write(PlatformState(os.getpid(), 0.0, "ready", parts=[state]))


def test_only_the_part_of_this_home_is_found(started: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    mine = _start(started, tmp_path / "mine", "viral")
    _start(started, tmp_path / "mine", "ctr")
    _start(started, tmp_path / "another", "viral")
    _write_state(tmp_path / "mine", "viral", mine.pid)
    found = processes.part_processes(tmp_path / "mine", "viral")
    assert [process.pid for process in found] == [mine.pid]


def test_a_process_that_is_not_marked_is_left_alone(
    started: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    stranger = _start(started, tmp_path / "another", "viral")
    _write_state(tmp_path / "mine", "viral", stranger.pid)  # a state file that lies
    with pytest.raises(FaultNotMade):
        processes.part_processes(tmp_path / "mine", "viral")
    _write_state(tmp_path / "mine", "postgres", stranger.pid)
    with pytest.raises(FaultNotMade):
        processes.part_processes(tmp_path / "mine", "postgres")


def test_a_flow_run_is_not_the_worker(started: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    worker, run = (_start(started, tmp_path, "worker") for _ in range(2))
    _write_state(tmp_path, "worker", worker.pid)
    found = processes.part_processes(tmp_path, "worker")
    assert [process.pid for process in found] == [worker.pid]
    assert run.pid not in {process.pid for process in found}


def test_a_pause_stops_and_goes_on(started: list[subprocess.Popen[bytes]], tmp_path: Path) -> None:
    mine = _start(started, tmp_path, "viral")
    _write_state(tmp_path, "viral", mine.pid)
    found = processes.part_processes(tmp_path, "viral")
    processes.pause(found)
    assert wait_until(lambda: found[0].status() == "stopped", 5.0)
    processes.go_on(found)
    assert wait_until(lambda: found[0].status() != "stopped", 5.0)
    processes.send(found, signal.SIGKILL)
    assert mine.wait(5.0) == -signal.SIGKILL
    with pytest.raises(FaultNotMade):
        processes.part_processes(tmp_path, "viral")

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from config.errors import PlatformError
from local.process import identify
from local.state import PartState, PlatformState, RunFolder


def state() -> PlatformState:
    part = PartState("mlflow", "MLflow", "server", "running", pid=7, created=1.5, url="http://127.0.0.1:5000")
    return PlatformState(pid=1234, created=2.5, phase="ready", started=10.0, parts=[part])


def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    found.path.mkdir()
    return found


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    there = folder(tmp_path)
    there.write(state())
    assert there.read() == state()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "created": 1, "parts": [{"x": 1}]}'])
def test_a_broken_state_file_counts_as_none(tmp_path: Path, text: str) -> None:
    there = folder(tmp_path)
    there.state_file.write_text(text)
    assert there.read() is None


def test_a_second_supervisor_is_told_who_runs_and_where(tmp_path: Path) -> None:
    there = folder(tmp_path)
    me = identify(os.getpid())
    assert me is not None
    there.write(replace(state(), pid=me.pid, created=me.created))
    with there.lock():
        assert there.locked()
        running = rf"already running \(pid {me.pid}; MLflow http://127.0.0.1:5000\)"
        with pytest.raises(PlatformError, match=running):
            there.lock()
    assert not there.locked()


def test_the_addresses_of_a_dead_supervisor_are_not_told(tmp_path: Path) -> None:
    there = folder(tmp_path)
    there.write(state())
    with there.lock(), pytest.raises(PlatformError, match=r"^Assay is already starting in this folder\."):
        there.lock()


def test_a_look_at_the_lock_does_not_refuse_a_start(tmp_path: Path) -> None:
    there = folder(tmp_path)
    there.lock().close()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            there.locked()

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(100):
            there.lock().close()
    finally:
        stop.set()
        looking.join()


def test_a_home_that_never_ran_is_not_locked(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).locked()


def test_a_pid_that_was_given_to_another_process_is_not_the_recorded_one() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert me.alive() is not None
    assert type(me)(me.pid, me.created - 100).alive() is None

from __future__ import annotations

import os
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
    there.write(state())
    with there.lock():
        assert there.locked()
        with pytest.raises(PlatformError, match=r"already running \(pid 1234; MLflow http://127.0.0.1:5000\)"):
            there.lock()
    assert not there.locked()


def test_a_home_that_never_ran_is_not_locked(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).locked()


def test_a_pid_that_was_given_to_another_process_is_not_the_recorded_one() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert me.alive() is not None
    assert type(me)(me.pid, me.created - 100).alive() is None

"""A clock that jumps: seen by a process that runs already, and by its wall clock alone."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos.clock import build, clock_environment, clock_file, compiler, set_clock

_PROGRAM = """
import sys, threading, time
from datetime import UTC, datetime
for _ in sys.stdin:
    began = time.monotonic()
    time.sleep(0.01)
    threading.Event().wait(0.01)
    print(datetime.now(UTC).timestamp(), time.time(), time.monotonic() - began, flush=True)
"""


@pytest.mark.skipif(compiler() is None, reason="no C compiler")
def test_a_running_process_sees_its_wall_clock_jump_and_come_back(tmp_path: Path) -> None:
    library = build(tmp_path)
    assert library is not None
    set_clock(tmp_path, "viral", 0)
    environment = {**os.environ, **clock_environment(clock_file(tmp_path, "viral"), library)}
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for jump in (0, 3600, -3600, 86_400, 0):
            set_clock(tmp_path, "viral", jump)
            process.stdin.write("\n")
            process.stdin.flush()
            by_date, by_time, waited = map(float, process.stdout.readline().split())
            assert by_date == pytest.approx(time.time() + jump, abs=30)
            assert by_time == pytest.approx(by_date, abs=30)
            assert 0.02 <= waited < 30
        process.stdin.close()

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil
import pytest

from local.process import Identity, identify, memory

SHARED = 64 * 1024 * 1024
SHARING = f"""
import os, time
block = bytearray(os.urandom(1024) * ({SHARED} // 1024))
if os.fork():
    print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how pages are shared")
def test_memory_that_processes_share_is_counted_once() -> None:
    # in a process of its own: this one may have children of other tests
    parent = subprocess.Popen([sys.executable, "-c", SHARING], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        me = identify(parent.pid)
        assert me is not None
        found = memory(me)
        assert found is not None
        assert SHARED < found < psutil.Process(parent.pid).memory_info().rss + SHARED // 2
    finally:
        os.killpg(parent.pid, signal.SIGKILL)
        parent.communicate()


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert memory(Identity(os.getpid(), 1.0)) is None

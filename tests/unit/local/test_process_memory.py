from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest

from local.process import Identity, identify, memory

SHARED = 64 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how pages are shared")
def test_memory_that_processes_share_is_counted_once() -> None:
    block = bytearray(os.urandom(1024) * (SHARED // 1024))
    me = identify(os.getpid())
    assert me is not None
    child = os.fork()
    if child == 0:
        time.sleep(60)
        os._exit(len(block) % 2)
    try:
        found = memory(me)
        assert found is not None
        assert SHARED < found < psutil.Process().memory_info().rss + SHARED // 2
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_process_that_is_gone_has_no_memory() -> None:
    assert memory(Identity(os.getpid(), 1.0)) is None

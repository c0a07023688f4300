"""What is made once, also when many threads are the first to want it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.once import once

THREADS = 8


def test_threads_that_ask_at_once_get_the_same_one() -> None:
    together = threading.Barrier(THREADS)

    @once
    def made() -> object:
        time.sleep(0.05)
        return object()

    def ask() -> object:
        together.wait(timeout=10)
        return made()

    with ThreadPoolExecutor(THREADS) as pool:
        found = [one.result() for one in [pool.submit(ask) for _ in range(THREADS)]]
    assert len(set(map(id, found))) == 1


def test_each_argument_has_its_own() -> None:
    @once
    def made(name: str) -> list[str]:
        return [name]

    assert made("one") is made("one")
    assert made("one") != made("other")


def test_an_error_is_not_kept() -> None:
    tries: list[int] = []

    @once
    def made() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not yet")
        return len(tries)

    with pytest.raises(OSError, match="not yet"):
        made()
    assert made() == made() == 2

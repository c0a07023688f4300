"""Reads beside the event loop: asked together, kept for a moment, and given while the database is away."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from config.errors import DatabaseError, DatabaseUnavailable
from serving.lookup import MAX_ENTRIES, Lookup


class Source:
    """Squares of numbers, read as a database is; ``away`` and ``slow`` as it may be."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.away: Exception | None = None
        self.slow = threading.Event()
        self.slow.set()

    def read(self, keys: list[int]) -> dict[int, int]:
        self.asked.append(list(keys))
        self.slow.wait(5)
        if self.away:
            raise self.away
        return {key: key * key for key in keys if key >= 0}


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    made = ThreadPoolExecutor(2)
    yield made
    made.shutdown()


def lookup(
    source: Source, pool: ThreadPoolExecutor, *, fresh: float = 60, stale: float = 60, patience: float = 5
) -> Lookup[int, int]:
    return Lookup(source.read, pool, fresh_seconds=fresh, stale_seconds=stale, patience=patience)


def test_what_was_read_is_given_again_and_what_has_changed_is_read(
    source: Source, pool: ThreadPoolExecutor
) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        assert await squares.get([2, -1, 2]) == {2: 4, -1: None}
        assert await squares.get([2, 3]) == {2: 4, 3: 9}
        known = squares.known(2)
        assert known is not None
        assert known.value == 4
        squares.forget([2])
        assert squares.known(2) is None
        await squares.get([2])

    asyncio.run(run())
    assert source.asked == [[2, -1], [3], [2]]


def test_keys_that_are_asked_for_at_once_are_read_at_once(source: Source, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        source.slow.clear()
        first = asyncio.create_task(squares.get([1]))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(squares.get([number, 7])) for number in range(2, 30)]
        await asyncio.sleep(0.05)
        source.slow.set()
        assert await first == {1: 1}
        assert [await other for other in others] == [{n: n * n, 7: 49} for n in range(2, 30)]

    asyncio.run(run())
    assert len(source.asked) == 2
    assert sorted(source.asked[1]) == list(range(2, 30))


def test_while_the_database_is_away_old_values_are_given_and_nobody_waits(
    source: Source, pool: ThreadPoolExecutor
) -> None:
    async def run() -> None:
        squares = lookup(source, pool, fresh=0)
        await squares.get([2])
        source.away = DatabaseUnavailable("away")
        assert await squares.get([2]) == {2: 4}
        assert squares.paused
        with pytest.raises(DatabaseUnavailable):
            await squares.get([2, 3])
        assert len(source.asked) == 2, "it is let alone for a moment"
        squares._not_before = 0.0
        source.away = None
        assert await squares.get([3]) == {3: 9}

    asyncio.run(run())


def test_what_is_too_old_is_not_given(source: Source, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        squares = lookup(source, pool, fresh=0, stale=0)
        await squares.get([2])
        source.away = DatabaseUnavailable("away")
        with pytest.raises(DatabaseUnavailable):
            await squares.get([2])

    asyncio.run(run())


def test_a_database_that_does_not_answer_in_time_is_as_good_as_away(
    source: Source, pool: ThreadPoolExecutor
) -> None:
    async def run() -> None:
        squares = lookup(source, pool, fresh=0, patience=0.1)
        await squares.get([2])
        source.slow.clear()
        began = time.monotonic()
        assert await squares.get([2]) == {2: 4}
        with pytest.raises(DatabaseUnavailable, match="in time"):
            await squares.get([3])
        assert time.monotonic() - began < 2
        source.slow.set()
        await asyncio.sleep(0.1)
        assert await squares.get([3]) == {3: 9}

    asyncio.run(run())


def test_another_fault_is_told_to_those_who_asked_and_not_kept(
    source: Source, pool: ThreadPoolExecutor
) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        source.away = DatabaseError("no such table")
        with pytest.raises(DatabaseError, match="no such table"):
            await squares.get([2])
        source.away = None
        assert await squares.get([2]) == {2: 4}

    asyncio.run(run())


def test_what_changes_while_it_is_read_is_read_again(source: Source, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        source.slow.clear()
        asked = asyncio.create_task(squares.get([2]))
        await asyncio.sleep(0.05)
        squares.forget([2])
        source.slow.set()
        await asked
        assert squares.known(2) is None

    asyncio.run(run())


def test_memory_is_bounded_and_the_oldest_goes(source: Source, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        await squares.get(range(MAX_ENTRIES + 10))
        assert squares.known(0) is None
        assert squares.known(MAX_ENTRIES + 9) is not None
        assert len(squares._entries) == MAX_ENTRIES

    asyncio.run(run())


def test_what_changes_while_nothing_is_read_is_not_kept(source: Source, pool: ThreadPoolExecutor) -> None:
    async def run() -> None:
        squares = lookup(source, pool)
        squares.forget(range(1000))
        assert not squares._changed, "a service that only learns of clips must not grow"
        assert await squares.get([2]) == {2: 4}
        squares.forget([2])
        assert squares.known(2) is None

    asyncio.run(run())


def test_what_was_never_read_may_be_waited_for_longer_than_what_was(
    source: Source, pool: ThreadPoolExecutor
) -> None:
    async def run() -> None:
        squares = lookup(source, pool, fresh=0, patience=0.05)
        source.slow.clear()
        waiting = asyncio.create_task(squares.get([3], patience=5))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        source.slow.set()
        assert await waiting == {3: 9}
        source.slow.clear()
        began = time.monotonic()
        assert await squares.get([3], patience=5) == {3: 9}, "what was read before, rather than wait"
        assert time.monotonic() - began < 1
        source.slow.set()

    asyncio.run(run())

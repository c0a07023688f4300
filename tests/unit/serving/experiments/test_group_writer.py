"""Group commit, with a database that is a function."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from unittest.mock import MagicMock

import pytest

from config.errors import DatabaseError, DatabaseUnavailable
from serving.experiments import writer as module
from serving.experiments.writer import GroupWriter

Commit = Callable[[Any, Sequence[int]], list[int]]


def double(_: Any, rows: Sequence[int]) -> list[int]:
    return [2 * row for row in rows]


@pytest.fixture
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., GroupWriter[int, int]]]:
    made: list[GroupWriter[int, int]] = []

    def start(commit: Commit, connect: Callable[[], Any] = MagicMock) -> GroupWriter[int, int]:
        made.append(GroupWriter("test-writer", connect, commit))
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def ask(writer: GroupWriter[int, int], *requests: Sequence[int]) -> list[Any]:
    async def run() -> list[Any]:
        return await asyncio.gather(*[writer.write(rows) for rows in requests], return_exceptions=True)

    return asyncio.run(run())


def test_each_request_gets_the_answers_of_its_own_rows(make: Callable[..., GroupWriter[int, int]]) -> None:
    assert ask(make(double), [1], [2, 3], [4]) == [[2], [4, 6], [8]]


def test_what_waits_while_a_group_is_written_is_the_next_group(
    make: Callable[..., GroupWriter[int, int]],
) -> None:
    groups: list[list[int]] = []
    go_on = threading.Event()

    def slow(_: Any, rows: Sequence[int]) -> list[int]:
        groups.append(list(rows))
        go_on.wait(2)
        return list(rows)

    writer = make(slow)

    async def run() -> None:
        first = asyncio.create_task(writer.write([0]))
        while not groups:
            await asyncio.sleep(0.005)
        rest = [asyncio.create_task(writer.write([number])) for number in range(1, 30)]
        await asyncio.sleep(0.02)
        go_on.set()
        await asyncio.gather(first, *rest)

    asyncio.run(run())
    assert groups == [[0], list(range(1, 30))]


def test_a_lost_connection_is_made_anew_and_the_same_rows_are_sent_again(
    make: Callable[..., GroupWriter[int, int]],
) -> None:
    seen: list[list[int]] = []

    def flaky(_: Any, rows: Sequence[int]) -> list[int]:
        seen.append(list(rows))
        if len(seen) == 1:
            raise DatabaseUnavailable("gone")
        return list(rows)

    connect = MagicMock()
    assert ask(make(flaky, connect), [7]) == [[7]]
    assert seen == [[7], [7]]
    assert connect.call_count == 2


def test_one_request_that_is_refused_does_not_take_the_others_with_it(
    make: Callable[..., GroupWriter[int, int]],
) -> None:
    def picky(_: Any, rows: Sequence[int]) -> list[int]:
        if 13 in rows:
            raise DatabaseError("no thirteens")
        return list(rows)

    found = ask(make(picky), [1], [13], [2])
    assert [found[0], found[2]] == [[1], [2]]
    assert isinstance(found[1], DatabaseError)


def test_while_the_database_is_away_nobody_waits_and_it_is_looked_for(
    make: Callable[..., GroupWriter[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.02)
    away = threading.Event()
    away.set()

    def connect() -> Any:
        if away.is_set():
            raise DatabaseUnavailable("away")
        return MagicMock()

    writer = make(double, connect)
    assert isinstance(ask(writer, [1])[0], DatabaseUnavailable)
    assert writer.trouble == "away"
    away.clear()
    for _ in range(200):
        if writer.trouble is None:
            break
        threading.Event().wait(0.01)
    assert ask(writer, [1]) == [[2]]


def test_a_request_waits_only_so_long(
    make: Callable[..., GroupWriter[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    go_on = threading.Event()

    def hang(_: Any, rows: Sequence[int]) -> list[int]:
        go_on.wait(2)
        return list(rows)

    writer = make(hang)
    found = ask(writer, [1], [2])
    go_on.set()
    assert [type(each) for each in found] == [DatabaseUnavailable, DatabaseUnavailable]


def test_rows_that_nobody_waits_for_any_more_are_not_written(
    make: Callable[..., GroupWriter[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.05)
    written: list[int] = []
    go_on = threading.Event()

    def hang_once(_: Any, rows: Sequence[int]) -> list[int]:
        if not written:
            written.append(rows[0])
            go_on.wait(2)
        else:
            written.extend(rows)
        return list(rows)

    writer = make(hang_once)

    async def run() -> None:
        first = asyncio.create_task(writer.write([1]))
        while not written:
            await asyncio.sleep(0.002)
        late = asyncio.create_task(writer.write([2]))
        await asyncio.gather(first, late, return_exceptions=True)
        go_on.set()
        writer.trouble = None
        assert await writer.write([3]) == [3]

    asyncio.run(run())
    assert written == [1, 3]

"""Group commit: what several requests want to write at once is one transaction.

While one group is on its way to the disk the next one gathers: the disk sets the pace, not how many ask. A
request waits for its own group, and is answered after its commit.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from config.errors import DatabaseError, DatabaseUnavailable
from storage.experiment_decisions import STATEMENT_SECONDS

logger = logging.getLogger(__name__)

Row = TypeVar("Row")
Answer = TypeVar("Answer")

GROUP_ROWS = 500
#: A request waits this long for the database; then it is answered without.
PATIENCE_SECONDS = 2.5
PROBE_SECONDS = 0.5
#: The longest that a group waits for more; less than a commit takes.
GATHER_SECONDS = 0.0004


@dataclass(slots=True)
class _Item(Generic[Row]):
    """Rows of one request, and where its answers go."""

    rows: Sequence[Row]
    future: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop
    expires: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)

    def tell(self, answers: Any) -> None:
        if not self.future.done():
            if isinstance(answers, BaseException):
                self.future.set_exception(answers)
                self.future.exception()  # a request that left does not hear it: no complaint about that
            else:
                self.future.set_result(answers)


class GroupWriter(Generic[Row, Answer]):
    """A thread with a connection of its own that commits what requests hand to it.

    Args:
        name: of the thread, and in the log.
        connect: opens the connection; may raise DatabaseUnavailable.
        commit: writes rows and commits, answering each; to repeat it with the same rows changes nothing, so it
            is repeated when a connection is lost and nobody knows whether the commit was done.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Connection],
        commit: Callable[[Connection, Sequence[Row]], list[Answer]],
    ) -> None:
        self._name = name
        self._connect = connect
        self._commit = commit
        self._connection: Connection | None = None
        self._busy_since: float | None = None
        self._items: deque[_Item[Row]] = deque()
        self._wake = threading.Condition()
        self._stopping = False
        #: How many requests there were at a time when the last group was done: in it, and waiting behind it.
        self._at_once = 1
        #: How many are waited for now.
        self._wanted = 1
        #: Why the database takes nothing now; None while it does.
        self.trouble: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Write what waits, then end."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join(timeout)

    async def write(self, rows: Sequence[Row]) -> list[Answer]:
        """The answers for ``rows``, once they are committed.

        Raises:
            DatabaseUnavailable: the database is away or too slow; whether the rows are on record is not known.
            DatabaseError: it refused them.
        """
        if self.trouble is not None:
            raise DatabaseUnavailable(self.trouble)
        loop = asyncio.get_running_loop()
        item: _Item[Row] = _Item(rows, loop.create_future(), loop)
        with self._wake:
            self._items.append(item)
            if len(self._items) >= self._wanted:
                self._wake.notify()
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                answers: list[Answer] = await item.future
        except TimeoutError:
            self._hang_up()
            raise DatabaseUnavailable("The database did not answer in time.") from None
        return answers

    def _hang_up(self) -> None:
        """End the connection under a commit that hangs: the server gives up a statement sooner than that, so
        nobody is at the other end. Who asks meanwhile does not wait; the thread looks for the database.
        """
        since, connection = self._busy_since, self._connection
        if since is None or time.monotonic() - since < STATEMENT_SECONDS:
            return
        self.trouble = "The database does not answer."
        if connection is not None and (driver := connection.connection.driver_connection) is not None:
            with suppress(OSError), socket.socket(fileno=os.dup(driver.fileno())) as end:
                end.shutdown(socket.SHUT_RDWR)

    def _run(self) -> None:
        while True:
            with self._wake:
                self._gather()
                group = self._take()
                if self._stopping and not group:
                    break
            try:
                if group:
                    self._write(group)
                elif self.trouble is not None:
                    self._probe()
            except Exception as error:
                logger.exception("%s failed", self._name)
                _tell(group, [error] * len(group))
            self._at_once = len(group) + len(self._items)
        self._close()

    def _gather(self) -> None:
        """Wait for a request, and a moment for as many as there were before: who was answered just now asks
        again, and a group of one on its way would keep all the others waiting.
        """
        if not self._items and not self._stopping:
            self._wanted = 1
            self._wake.wait(PROBE_SECONDS)
        self._wanted = self._at_once
        if self._items and len(self._items) < self._wanted and not self._stopping:
            self._wake.wait(GATHER_SECONDS)

    def _take(self) -> list[_Item[Row]]:
        """The next requests, without those that were answered for waiting too long."""
        group: list[_Item[Row]] = []
        number, now = 0, time.monotonic()
        while self._items and (not group or number + len(self._items[0].rows) <= GROUP_ROWS):
            item = self._items.popleft()
            if not item.future.done() and item.expires > now:
                group.append(item)
                number += len(item.rows)
        return group

    def _write(self, group: list[_Item[Row]]) -> None:
        if self.trouble is not None:
            _tell(group, [DatabaseUnavailable(self.trouble)] * len(group))
            return
        for attempt in (1, 2):
            try:
                _tell(group, self._committed(group))
            except DatabaseUnavailable as error:
                self._close()
                group = [item for item in group if not item.future.done()]
                if attempt == 2:
                    self._give_up(error, group)
            except DatabaseError as error:
                self._refused(group, error)
                return
            else:
                return

    def _committed(self, group: Sequence[_Item[Row]]) -> list[list[Answer]]:
        if self._connection is None:
            self._connection = self._connect()
        self._busy_since = time.monotonic()
        try:
            answers = iter(self._commit(self._connection, [row for item in group for row in item.rows]))
        finally:
            self._busy_since = None
        return [[next(answers) for _ in item.rows] for item in group]

    def _refused(self, group: list[_Item[Row]], error: DatabaseError) -> None:
        """One request's rows may be at fault: the others are written without them."""
        if len(group) == 1:
            logger.error("%s: %s", self._name, error)
            _tell(group, [error])
            return
        for item in group:
            if item.expires > time.monotonic():
                self._write([item])

    def _give_up(self, error: DatabaseUnavailable, group: Sequence[_Item[Row]]) -> None:
        self.trouble = str(error)
        logger.warning("%s: %s", self._name, error)
        _tell(group, [error] * len(group))

    def _probe(self) -> None:
        """Whether the database is back: asked here, so that no request waits for it in vain."""
        try:
            if self._connection is None:
                self._connection = self._connect()
        except DatabaseError as error:
            self.trouble = str(error)
            return
        self.trouble = None
        logger.info("%s: the database is back", self._name)

    def _close(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()


def _tell(group: Sequence[_Item[Any]], answers: Sequence[Any]) -> None:
    """Wake each event loop once for all its requests."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Item[Any], Any]]] = {}
    for item, answer in zip(group, answers, strict=True):
        by_loop.setdefault(item.loop, []).append((item, answer))
    for loop, pairs in by_loop.items():
        try:
            loop.call_soon_threadsafe(_deliver, pairs)
        except RuntimeError:  # the loop has ended, and with it the requests
            logger.debug("nobody waits for %d answers", len(pairs))


def _deliver(pairs: Sequence[tuple[_Item[Any], Any]]) -> None:
    for item, answer in pairs:
        item.tell(answer)

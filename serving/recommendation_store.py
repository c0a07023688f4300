"""Where events and items of the recommendation service go: PostgreSQL; each call may wait."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from config.errors import InputError
from config.settings import Settings
from serving.shipper import RowsRefused
from serving.short_waits import CONNECT_SECONDS, LOCK_SECONDS, not_locked

if TYPE_CHECKING:
    from sqlalchemy import Engine

POOL_SIZE = 4
#: So many events are brought to the database at once, for an Inbox, over so many connections.
BATCH_ROWS, CONNECTIONS = 5000, 2
#: Below this a batch is not worth parting.
SMALL_BATCH = 500
Row = dict[str, Any]


class Catalogue:
    """Items in PostgreSQL. Raises DatabaseUnavailable, in each call, while it is away or locked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def engine(self) -> Engine:
        """Made when it is first used: nothing connects before."""
        from storage.database import make_engine

        return make_engine(
            self._settings, pool_size=POOL_SIZE, connect_seconds=CONNECT_SECONDS, lock_seconds=LOCK_SECONDS
        )

    def save_items(self, rows: Sequence[Row], now: datetime) -> list[str]:
        """Save what is told of items; what became of each."""
        from storage.items import save_items

        with not_locked():
            return save_items(self.engine, rows, now, settings=self._settings)

    def items(self, ids: Sequence[str]) -> Mapping[str, Row]:
        """Items by id, as they are known now; unknown ones are absent."""
        from storage.items import items

        with not_locked():
            return items(self.engine, ids)

    def close(self) -> None:
        """Let the connections go."""
        if "engine" in self.__dict__:
            self.engine.dispose()


def take_events(settings: Settings, engine: Engine | None = None) -> Callable[[list[Row]], int]:
    """The function by which events that were kept on disk reach the database, for an Inbox.

    It raises RowsRefused where some can never be kept; the others are stored. What is there already, and what
    is of forgotten people, is passed over. ``received_at`` of each is the moment it is stored: collection goes
    by it, and an event that waited on disk while its day was collected belongs to the day it comes in.

    Args:
        settings: where the database is, and with the key by which forgotten people are known.
        engine: of the database (default: one of its own).
    """
    from storage.database import make_engine
    from storage.events import NEW, REFUSED, insert_events

    database = engine or make_engine(settings, pool_size=CONNECTIONS, connect_seconds=CONNECT_SECONDS)
    pool = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="events")

    def take(lines: list[Row]) -> list[str]:
        now = datetime.now(UTC)
        rows = [{**from_line(line), "received_at": now} for line in lines]
        return insert_events(database, rows, now, settings=settings)

    def insert(lines: list[Row]) -> int:
        parts = (
            [lines[part::CONNECTIONS] for part in range(CONNECTIONS)] if len(lines) > SMALL_BATCH else [lines]
        )
        lines = [line for part in parts for line in part]
        statuses = [status for found in pool.map(take, parts) for status in found]
        refused = [
            (line, REFUSED[status]) for line, status in zip(lines, statuses, strict=True) if status in REFUSED
        ]
        if refused:
            raise RowsRefused(refused)
        return statuses.count(NEW)

    return insert


def from_line(line: Row) -> Row:
    """An event out of a line on disk, where times are texts."""
    try:
        times = {name: datetime.fromisoformat(line[name]) for name in ("at", "received_at")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"An event on disk is not usable: {error!r}.") from None
    return {**line, **times}

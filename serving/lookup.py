"""Reads beside the event loop: keys that are asked for at once are read at once, and kept for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from config.errors import DatabaseUnavailable

K = TypeVar("K")
V = TypeVar("V")

MAX_ENTRIES = 20_000
MAX_KEYS = 500
#: After a failure the database is let alone for this long, so that nobody waits for it in vain.
PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Entry(Generic[V]):
    """What was read; ``value`` is None where there is nothing under that key."""

    value: V | None
    read_at: float


class Lookup(Generic[K, V]):
    """A small cache before a function that reads many keys at once. For one event loop.

    Args:
        read: keys -> the values that there are; runs in ``pool``.
        fresh_seconds: what was read less long ago is given without asking again.
        stale_seconds: what was read less long ago is given while the database is away.
        patience: how long a request waits for the database at most.
    """

    def __init__(
        self,
        read: Callable[[list[K]], Mapping[K, V]],
        pool: Executor,
        *,
        fresh_seconds: float,
        stale_seconds: float,
        patience: float,
    ) -> None:
        self._read = read
        self._pool = pool
        self._fresh = fresh_seconds
        self._stale = stale_seconds
        self._patience = patience
        self._entries: dict[K, Entry[V]] = {}
        self._waiting: dict[K, asyncio.Future[Entry[V]]] = {}
        self._next: list[K] = []
        self._reader: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._reading = False
        self._changed: set[K] = set()

    def known(self, key: K) -> Entry[V] | None:
        """What was read of ``key`` a moment ago, or None: it must be read."""
        entry = self._entries.get(key)
        if entry is None or time.monotonic() - entry.read_at >= self._fresh:
            return None
        return entry

    @property
    def paused(self) -> bool:
        """Whether the database was away a moment ago: nobody asks it now."""
        return time.monotonic() < self._not_before

    def forget(self, keys: Collection[K]) -> None:
        """These have changed: they are read again when they are asked for."""
        if self._reading:
            self._changed.update(keys)
        for key in keys:
            self._entries.pop(key, None)

    async def get(self, keys: Collection[K], *, patience: float | None = None) -> dict[K, V | None]:
        """The value of each key, None where there is none.

        Args:
            keys: of what is asked.
            patience: how long to wait at most where something was not read lately; None: as long as for any.

        Raises:
            DatabaseUnavailable: it is away (or does not answer in time), and a key was not read lately.
        """
        found = {key: entry for key in keys if (entry := self.known(key))}
        missing = [key for key in keys if key not in found]
        if missing:
            wait = self._patience if patience is None or self._usable(missing) else patience
            try:
                async with asyncio.timeout(wait):
                    found |= await self._ask(missing)
            except (TimeoutError, DatabaseUnavailable) as error:
                found |= self._stale_ones(missing, error)
        return {key: found[key].value for key in keys}

    def _usable(self, keys: Collection[K]) -> bool:
        oldest = time.monotonic() - self._stale
        return all((entry := self._entries.get(key)) and entry.read_at > oldest for key in keys)

    def _stale_ones(self, keys: Collection[K], error: BaseException) -> dict[K, Entry[V]]:
        oldest = time.monotonic() - self._stale
        found = {key: entry for key in keys if (entry := self._entries.get(key)) and entry.read_at > oldest}
        if len(found) < len(set(keys)):
            if isinstance(error, DatabaseUnavailable):
                raise error
            raise DatabaseUnavailable("PostgreSQL does not answer in time.") from error
        return found

    async def _ask(self, keys: Collection[K]) -> dict[K, Entry[V]]:
        if self.paused:
            raise DatabaseUnavailable("PostgreSQL was not reachable a moment ago.")
        futures = {}
        for key in keys:
            future = self._waiting.get(key)
            if future is None:
                future = self._waiting[key] = asyncio.get_running_loop().create_future()
                self._next.append(key)
            futures[key] = future
        if self._reader is None:
            self._reader = asyncio.create_task(self._run())
        # shielded: others may wait for the same key
        return {key: await asyncio.shield(future) for key, future in futures.items()}

    async def _run(self) -> None:
        try:
            while self._next:
                keys, self._next = self._next[:MAX_KEYS], self._next[MAX_KEYS:]
                await self._read_and_tell(keys)
        finally:
            self._reader = None

    async def _read_and_tell(self, keys: list[K]) -> None:
        futures = [self._waiting.pop(key) for key in keys]
        self._reading = True
        try:
            values = await asyncio.get_running_loop().run_in_executor(self._pool, self._read, keys)
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait are told
            if isinstance(error, DatabaseUnavailable):
                self._not_before = time.monotonic() + PAUSE_SECONDS
            for future in futures:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a request that left does not hear it: no complaint about that
            return
        finally:
            self._reading = False
            changed, self._changed = self._changed, set()
        now = time.monotonic()
        for key, future in zip(keys, futures, strict=True):
            entry = Entry(values.get(key), now)
            if key not in changed:  # while it was being read
                self._remember(key, entry)
            if not future.done():
                future.set_result(entry)

    def _remember(self, key: K, entry: Entry[V]) -> None:
        self._entries.pop(key, None)  # the newest stand last
        self._entries[key] = entry
        if len(self._entries) > MAX_ENTRIES:
            del self._entries[next(iter(self._entries))]

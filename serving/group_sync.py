"""One fsync for all who wait for one: what many requests append goes to the disk itself together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class GroupSync:
    """Runs ``sync`` in a thread, one at a time; of one event loop.

    Args:
        sync: brings all that was written before it began to the disk; may raise.
    """

    def __init__(self, sync: Callable[[], None]) -> None:
        self._sync = sync
        self._busy = False
        self._next: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return when a sync that began after this call is over. Raises what it raised."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        waited = self._next
        if not self._busy:
            self._begin()
        await asyncio.shield(waited)

    def _begin(self) -> None:
        waiting, self._next, self._busy = self._next, None, True
        assert waiting is not None  # noqa: S101 - who begins has made it
        running = asyncio.get_running_loop().run_in_executor(None, self._sync)
        running.add_done_callback(lambda done: self._end(done, waiting))

    def _end(self, done: asyncio.Future[None], waiting: asyncio.Future[None]) -> None:
        self._busy = False
        error = done.exception()
        if error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)
            waiting.exception()  # whoever waited may be gone
        if self._next is not None:
            self._begin()

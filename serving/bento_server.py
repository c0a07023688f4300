"""``bentoml serve`` whose dead workers are noticed within a second, whatever the clock does.

One that dies again and again, as on a full disk, is looked after less and less often, and never less than each
10 s: what it takes to start it is taken from the others.

Of itself BentoML (1.4) looks after its workers each 10 s by the clock on the wall: after a step back of an
hour, as a time server may make, the next look is an hour away, and who dies by then is not started again.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from circus.exc import ConflictError
from tornado.ioloop import IOLoop

LOOK_SECONDS, MOST_SECONDS = 1.0, 10.0
#: So long without a death, and the next one is noticed as soon as the first.
CALM_SECONDS = 60.0


class Looks:
    """Calls ``look`` again and again; stands in for what circus, on which BentoML's server is built, has."""

    def __init__(self, look: Callable[[], Awaitable[None]], _milliseconds: float) -> None:
        self._look, self._loop = look, IOLoop.current()
        self._next: Any = None
        self.pause, self._started_at = LOOK_SECONDS, -CALM_SECONDS

    def start(self) -> None:
        """From now on, until :meth:`stop`."""
        self._next = self._loop.call_later(self.pause, self._run)

    def stop(self) -> None:
        """No more; circus says so twice."""
        if self._next is not None:
            self._loop.remove_timeout(self._next)
        self._next = None

    async def _run(self) -> None:
        try:
            before, now = self._workers(), time.monotonic()
            with suppress(ConflictError):  # workers are being started, or ended
                await self._look()
            if not self._workers() <= before:
                self.pause, self._started_at = min(2 * self.pause, MOST_SECONDS), now
            elif now - self._started_at > CALM_SECONDS:
                self.pause = LOOK_SECONDS
        finally:
            if self._next is not None:
                self.start()

    def _workers(self) -> set[int]:
        watchers = self._look.__self__.iter_watchers()  # type: ignore[attr-defined] # the arbiter's method
        return {pid for watcher in watchers for pid in watcher.processes}


def main() -> None:
    """As ``bentoml`` itself, with these looks."""
    import circus.controller
    from bentoml_cli.cli import cli

    circus.controller.AsyncPeriodicCallback = Looks
    cli()


if __name__ == "__main__":
    main()

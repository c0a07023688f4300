"""What a content worker does beside its work and may leave undone: fetching and asking tried versions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

logger = logging.getLogger(__name__)

#: Pieces that may wait, of which each may hold a batch of texts or the frames of a video (33 MB). Then what
#: comes is dropped: the work itself goes on.
WAITING = 8
COMPLAIN_SECONDS = 10.0


class Later:
    """One thread that does pieces of work in their order. What waits as the process ends is still done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="tried-versions")
        self._open: set[Future[None]] = set()
        self._complained = float("-inf")

    def do(self, what: str, work: Callable[[], None]) -> bool:
        """Have ``work`` done; whether there was room. What it raises is logged."""
        with self._lock:
            self._open = {one for one in self._open if not one.done()}
            room = len(self._open) < WAITING
            if room:
                self._open.add(self._pool.submit(self._done, what, work))
        if not room:
            self.complain("%s is left undone: there is too much to do", what)
        return room

    def join(self, seconds: float | None = None) -> None:
        """Wait until all that there is has been done."""
        with self._lock:
            waiting = set(self._open)
        wait(waiting, seconds)

    def complain(self, sentence: str, *values: object) -> None:
        """Log an error, now and then: what fails on each content fails often."""
        if time.monotonic() - self._complained > COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            logger.error(sentence, *values)

    def _done(self, what: str, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - nobody waits for it
            self.complain("%s failed: %s: %s", what, type(error).__name__, error)

"""Work that is done again and again in a thread, whatever becomes of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

from config.errors import AssayError

logger = logging.getLogger(__name__)

Item = TypeVar("Item")


def each(items: Iterable[Item], work: Callable[[Item], None]) -> None:
    """Do ``work`` for every item; what the first failing one raises comes after the others were done."""
    faults: list[Exception] = []
    for item in items:
        try:
            work(item)
        except Exception as error:  # noqa: BLE001 - raised below
            faults.append(error)
    if faults:
        raise faults[0]


class Ticker:
    """A thread that works, waits, and works again.

    Args:
        name: of the thread, and in the log.
        seconds: between two times.
        work: may raise; the next time comes all the same.
    """

    def __init__(self, name: str, seconds: float, work: Callable[[], None]) -> None:
        self.name, self._seconds, self._work = name, seconds, work
        self._stopping = threading.Event()
        #: What the last time failed with.
        self.last_error: str | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """End after what is being done."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def tick(self) -> None:
        """Work once; never raises."""
        try:
            self._work()
        except AssayError as error:
            if self.last_error is None:
                logger.warning("%s: %s", self.name, error)
            self.last_error = str(error)
        except Exception as error:
            logger.exception("%s failed", self.name)
            self.last_error = f"{type(error).__name__}: {error}"[:300]
        else:
            if self.last_error is not None:
                logger.info("%s works again", self.name)
            self.last_error = None

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.tick()

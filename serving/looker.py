"""A daemon thread that looks again and again, and never dies."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Looker:
    """Calls ``look`` at once and then each ``seconds``; what it raises is logged.

    Args:
        look: what is called.
        seconds: between two looks.
        name: of the thread.
    """

    def __init__(self, look: Callable[[], None], seconds: float, name: str) -> None:
        self._look, self._seconds = look, seconds
        self._stopping, self._looked = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def stopping(self) -> bool:
        """Whether it is to end: a long look asks in between."""
        return self._stopping.is_set()

    def start(self, wait: float = 0.0) -> None:
        """Begin; wait at most ``wait`` seconds for the first look to end."""
        self._thread.start()
        self._looked.wait(wait)

    def stop(self, timeout: float = 1.0) -> None:
        """End the thread; one that hangs in a network call is left to die with the process."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self.stopping:
            try:
                self._look()
            except Exception:
                logger.exception("%s met a fault that it does not know", self._thread.name)
            self._looked.set()
            self._stopping.wait(self._seconds)

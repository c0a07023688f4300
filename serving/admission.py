"""How much a service takes in before it says that it is busy: bounded memory and bounded waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from serving.problems import Problem

RETRY_SECONDS = 1


class Admission:
    """Counts the bytes of the bodies that are held, and the items that wait or are worked on.

    Touched by the event loop's thread alone, so that there is nothing to lock.

    Args:
        max_items: with this many under way, no further request is taken.
        max_bytes: of all bodies together.
    """

    def __init__(self, max_items: int, max_bytes: int) -> None:
        self._max_items = max_items
        self._max_bytes = max_bytes
        self.items = 0
        self.bytes = 0

    @property
    def full(self) -> bool:
        """Whether there is too much to do to take another request."""
        return self.items >= self._max_items

    @contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Hold a body while the block runs; the block tells the size of each piece that it reads, and is told
        by a 503 when all bodies together are too large.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if self.bytes + size > self._max_bytes:
                raise busy()
            held += size
            self.bytes += size

        try:
            yield take
        finally:
            self.bytes -= held

    @contextmanager
    def work(self, items: int) -> Iterator[None]:
        """Have ``items`` under way while the block runs. One request is taken whole or not at all.

        Raises:
            Problem: 503 when there is too much to do already.
        """
        if self.full:
            raise busy()
        self.items += items
        try:
            yield
        finally:
            self.items -= items


def busy() -> Problem:
    """503 that says when to come again."""
    return Problem(
        503,
        "The service has more to do than it can answer in time; ask again in a moment.",
        headers=((b"retry-after", b"%d" % RETRY_SECONDS),),
    )

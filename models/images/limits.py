"""How large an image file may be, and how many pixels it may unfold to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field


class Room:
    """Pixels that the threads of a process may unfold at once: large pictures wait for one another.

    A picture of 50 megapixels takes most of a gigabyte while its colours are converted.
    """

    def __init__(self, pixels: int) -> None:
        self._pixels = pixels
        self._taken = 0
        self._changed = threading.Condition()

    @contextmanager
    def take(self, pixels: int) -> Iterator[None]:
        """Hold room for a picture while the block runs; one that is larger than all of it is let in alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._taken or self._taken + pixels <= self._pixels)
            self._taken += pixels
        try:
            yield
        finally:
            with self._changed:
                self._taken -= pixels
                self._changed.notify_all()


@dataclass(frozen=True)
class ImageLimits:
    """Bounds on what is opened: bytes of the file, and pixels of the picture (width times height).

    ``room``: what all pictures together may unfold to at a time; None: any number.
    """

    max_bytes: int = 15_728_640
    max_pixels: int = 50_000_000
    room: Room | None = field(default=None, repr=False, compare=False)

    def opening(self, pixels: int) -> AbstractContextManager[None]:
        """Wait for the room that a picture takes, and hold it while the block runs."""
        return nullcontext() if self.room is None else self.room.take(pixels)

"""What was sent while the database was away: kept on disk before the answer leaves, and brought there later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from config.settings import Settings
from serving.metrics import ServiceMetrics
from serving.problems import Problem
from serving.recorder import depth
from serving.shipper import BATCH_ROWS, Insert, Shipper
from serving.spool import Spool

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Inbox:
    """A queue on disk of rows of one kind.

    Args:
        what: the rows, for people: ``outcomes``.
        folder: of the queue; all workers of the service share it.
        connect: makes the function that commits rows; called in the queue's own thread. Rows may come to it
            more than once.
        batch_rows: so many are committed at once.
        dated: rows say when they were told (``told_at``), by which the last one counts, whichever comes first.
    """

    def __init__(
        self,
        what: str,
        folder: Path,
        settings: Settings,
        metrics: ServiceMetrics,
        connect: Callable[[], Insert],
        *,
        batch_rows: int = BATCH_ROWS,
        dated: bool = False,
    ) -> None:
        self._what = what
        self._figures = metrics.queue(what)
        self.spool = Spool(folder, max_bytes=settings.prediction_spool_bytes)
        self.shipper = Shipper(
            self.spool, connect, self._figures, what=what, batch_rows=batch_rows, dated=dated
        )

    def keep(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Keep rows until the database takes them.

        Raises:
            Problem: 503, the disk does not take them; nothing is kept.
        """
        try:
            self.spool.append(b"".join([orjson.dumps(row, option=_OPTIONS) for row in rows]))
        except OSError:
            self._figures.lost.inc(len(rows))
            raise Problem(
                503,
                f"Neither the database nor the disk takes {self._what} now; send them again later.",
                headers=((b"retry-after", b"30"),),
            ) from None
        self._figures.spooled.inc(len(rows))

    def sync(self) -> None:
        """Bring what was kept to the disk itself, so that it outlasts a power failure. Not for the event loop.

        Raises:
            OSError: the disk refused.
        """
        self.spool.sync()

    def waiting(self) -> bool:
        """Whether anything waits. Reads files: not for the event loop."""
        return self.spool.pending().rows > 0

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        said = []
        if self.shipper.last_error:
            said.append(f"{self._what} wait on disk: the database does not take them")
        if self.spool.full:
            said.append(f"no more {self._what} are taken while the database is away: the queue on disk is full")
        return said

    def publish_depth(self) -> None:
        """Measure the queue for the metrics. Reads files: not for the event loop."""
        self._figures.set_depth(*depth(self.spool))

    def start(self) -> None:
        """Begin to ship."""
        self.shipper.start()

    def stop(self) -> None:
        """Ship what can be shipped at once; the rest stays on disk."""
        if self.shipper.stop():
            self.spool.close()

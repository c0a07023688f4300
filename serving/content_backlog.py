"""How much of the background's work waits, shown by the content service: all workers share one database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from config.errors import DatabaseError
from serving.metrics import ServiceMetrics

if TYPE_CHECKING:
    from storage.backlog import Waiting

logger = logging.getLogger(__name__)


class BacklogFigures:
    """Rows that wait and the age of the oldest, by kind of work; each replica shows the same.

    Args:
        waiting: reads them.
        clock: tells the time, in UTC.
    """

    def __init__(
        self,
        metrics: ServiceMetrics,
        waiting: Callable[[], Sequence[Waiting]],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service = metrics.service
        self._waiting = waiting
        self._clock = clock
        self._rows = metrics.gauge("assay_backlog_rows", "Work that waits in the database.", "work")
        self._oldest = metrics.gauge("assay_backlog_oldest_seconds", "Age of the oldest of it.", "work")
        reachable = metrics.gauge("assay_database_reachable", "Whether the database answered at this scrape.")
        self._reachable = reachable.labels(self._service)

    def publish(self) -> None:
        """Ask the database. While it is away the last figures stay. Not for the event loop; never raises."""
        try:
            found = self._waiting()
        except DatabaseError as error:
            logger.warning("what waits cannot be counted: %s", error)
            self._reachable.set(0)
            return
        self._reachable.set(1)
        for one in found:
            age = (self._clock() - one.oldest).total_seconds() if one.oldest else 0.0
            self._rows.labels(self._service, one.work).set(one.rows)
            self._oldest.labels(self._service, one.work).set(max(0.0, age))

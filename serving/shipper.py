"""Brings spooled rows, such as predictions, to the database, in batches, in its own thread."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import orjson
from prometheus_client import Counter

from config.errors import DatabaseUnavailable, InputError
from serving.spool import Segment, Spool

logger = logging.getLogger(__name__)

Row = dict[str, Any]
Insert = Callable[[list[Row]], int]

TICK_SECONDS = 0.5
BATCH_ROWS = 1000
SEGMENT_BYTES = 4 * 1024 * 1024
LONGEST_WAIT_SECONDS = 10.0


class RowsRefused(InputError):
    """Some rows can never be stored, each with the reason why; all others of the batch are stored."""

    def __init__(self, refused: Sequence[tuple[Row, str]]) -> None:
        super().__init__(refused[0][1])
        self.refused = list(refused)


class ShipperFigures(Protocol):
    """What the shipper counts."""

    @property
    def shipped(self) -> Counter:
        """Rows that the database took."""
        ...

    @property
    def set_aside(self) -> Counter:
        """Rows that it can never take."""
        ...


class Shipper:
    """Ships closed segments oldest first; a segment is removed after its rows are committed.

    Args:
        connect: makes the function that commits rows, idempotent by ``id``; called in the thread, again after
            a failure.
        what: the rows, for the log.
        batch_rows: so many are committed at once.
        dated: give each row that does not say when it was told (``told_at``) the moment by which it was: when
            its file was last written. Lines that an older version wrote do not say it.
    """

    def __init__(
        self,
        spool: Spool,
        connect: Callable[[], Insert],
        metrics: ShipperFigures,
        *,
        what: str = "predictions",
        batch_rows: int = BATCH_ROWS,
        dated: bool = False,
    ) -> None:
        self._what = what
        self._batch_rows = batch_rows
        self._dated = dated
        self._spool = spool
        self._connect = connect
        self._insert: Insert | None = None
        self._metrics = metrics
        self._failures = 0
        self._next_try = 0.0
        self.last_error: str | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"{what}-shipper", daemon=True)

    def start(self) -> None:
        """Begin to ship."""
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> bool:
        """One last try, then end; whether the thread ended in time. What is left waits for the next start."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._tick()
        if not self._failures:
            self._next_try = 0.0
            self._tick()

    def _tick(self) -> None:
        """Never raises: a fault of one tick is logged, and the next one tries again."""
        try:
            self._spool.measure()
            due = time.monotonic() >= self._next_try
            if due or self._spool.active_size() >= SEGMENT_BYTES:
                self._spool.rotate()
            if due:
                self.ship()
        except Exception as error:  # noqa: BLE001 - whatever it is, rows wait and the thread lives
            self._postpone(error)

    def ship(self) -> None:
        """Ship every closed segment.

        Raises:
            DatabaseUnavailable: or whatever else keeps rows from being committed; they stay in the spool.
        """
        for segment in self._spool.take():
            if self._insert is None:
                self._insert = self._connect()
            self._ship(segment, self._insert)
            self._spool.done(segment)
        if self._failures:
            logger.info("%s reach the database again", self._what)
        self._failures, self.last_error = 0, None

    def _postpone(self, error: Exception) -> None:
        self._insert = None
        self.last_error = f"{type(error).__name__}: {error}"[:300]
        if not self._failures:
            logger.warning("%s wait on disk, the database does not take them: %s", self._what, error)
        self._failures += 1
        self._next_try = time.monotonic() + min(LONGEST_WAIT_SECONDS, 0.5 * 2 ** min(self._failures, 8))

    def _ship(self, segment: Segment, insert: Insert) -> None:
        by = segment.written_at().isoformat() if self._dated else None
        for batch in _batches(segment.read().split(b"\n"), self._batch_rows):
            rows, broken = [], []
            for line in batch:
                row = _parse(line)
                if row is None:
                    broken.append((line, "not a whole line of JSON"))
                else:
                    rows.append({"told_at": by, **row} if by else row)
            broken += [(orjson.dumps(row, default=str), reason) for row, reason in self._commit(rows, insert)]
            self._set_aside(broken)

    def _commit(self, rows: list[Row], insert: Insert) -> list[tuple[Row, str]]:
        """Commit ``rows``; those that the database can never take come back with the reason."""
        if not rows:
            return []
        try:
            insert(rows)
        except RowsRefused as error:
            self._metrics.shipped.inc(len(rows) - len(error.refused))
            return error.refused
        except Exception as error:
            if not is_about_the_data(error):
                raise
            if len(rows) == 1:
                return [(rows[0], f"{type(error).__name__}: {error}"[:500])]
            middle = len(rows) // 2
            return self._commit(rows[:middle], insert) + self._commit(rows[middle:], insert)
        self._metrics.shipped.inc(len(rows))
        return []

    def _set_aside(self, broken: Sequence[tuple[bytes, str]]) -> None:
        if not broken:
            return
        logger.error("%d recorded %s were set aside: %s", len(broken), self._what, broken[0][1])
        entries = (
            json.dumps({"reason": reason, "line": line.decode(errors="replace")}) for line, reason in broken
        )
        self._spool.set_aside("".join(entry + "\n" for entry in entries).encode())
        self._metrics.set_aside.inc(len(broken))


def is_about_the_data(error: BaseException) -> bool:
    """Whether a row itself was refused (a value that does not fit), as opposed to the database being away,
    full or not migrated: then every row would be refused, and all of them must wait.
    """
    import psycopg
    from sqlalchemy import exc

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, exc.DBAPIError):
            return isinstance(cause, (exc.DataError, exc.IntegrityError))
        if isinstance(cause, psycopg.Error):
            return isinstance(cause, (psycopg.DataError, psycopg.IntegrityError))
        if isinstance(cause, (DatabaseUnavailable, OSError)):
            return False
        if isinstance(cause, (InputError, exc.StatementError, ValueError, TypeError, KeyError)):
            return True
        cause = cause.__cause__
    return False


def _parse(line: bytes) -> Row | None:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _batches(lines: Sequence[bytes], rows: int) -> Iterator[Sequence[bytes]]:
    whole = [line for line in lines if line]
    for start in range(0, len(whole), rows):
        yield whole[start : start + rows]

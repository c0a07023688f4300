"""Records each prediction for collection: a line in the spool before the answer leaves, the rest later."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from config.settings import Settings
from serving.metrics import ServiceMetrics
from serving.shipper import Insert, Shipper
from serving.spool import Spool

logger = logging.getLogger(__name__)

#: The two leading bits of the variant, whatever the digit was.
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


class Recorder:
    """The recording of one family's predictions."""

    def __init__(
        self,
        family: str,
        folder: Path,
        settings: Settings,
        metrics: ServiceMetrics,
        connect: Callable[[], Insert],
    ) -> None:
        self._family = family
        self._figures = metrics.predictions
        self._complained = 0.0
        self.spool = Spool(folder, max_bytes=settings.prediction_spool_bytes)
        self.shipper = Shipper(self.spool, connect, self._figures)

    def record(
        self,
        predictions: Sequence[tuple[str, str | None, datetime, Mapping[str, Any], Mapping[str, Any]]],
        *,
        version: str,
        latency_ms: float,
        received_at: datetime,
    ) -> None:
        """Append predictions, each (id, entity, at, inputs, answer). Never raises: an answer is worth more
        than its record; what could not be kept is counted, shown in health and metrics, and logged.
        """
        self.keep(
            [
                {
                    "id": identity,
                    "family": self._family,
                    "entity_id": entity,
                    "at": at,
                    "inputs": inputs,
                    "answer": answer,
                    "model_version": version,
                    "latency_ms": latency_ms,
                    "received_at": received_at,
                }
                for identity, entity, at, inputs, answer in predictions
            ]
        )

    def keep(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows as they are to be stored, each with its ``id``. Never raises, as :meth:`record`."""
        lines = b"".join([orjson.dumps(row, option=_OPTIONS) for row in rows])
        try:
            self.spool.append(lines)
        except OSError as error:
            self._figures.lost.inc(len(rows))
            if time.monotonic() - self._complained > 10:
                self._complained = time.monotonic()
                logger.error("predictions are answered but not recorded: %s", error)
            return
        self._figures.spooled.inc(len(rows))

    def complaints(self) -> list[str]:
        """What is not as it should be, a sentence each."""
        said = []
        if self.shipper.last_error:
            said.append("recorded predictions wait on disk: the database does not take them")
        if self.spool.full:
            said.append("predictions are not recorded: the queue on disk is full")
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


def depth(spool: Spool) -> tuple[int, int, float]:
    """Rows that wait, their size in bytes, and the age of the oldest in seconds."""
    pending = spool.pending()
    age = (datetime.now(UTC) - pending.oldest).total_seconds() if pending.oldest else 0.0
    return pending.rows, pending.size, age


def new_identities(count: int) -> list[str]:
    """Time-ordered UUIDs (version 7, RFC 9562), so that the database's index grows at its end."""
    moment = f"{time.time_ns() // 1_000_000:012x}"
    head = f"{moment[:8]}-{moment[8:]}-7"
    noise = os.urandom(10 * count).hex()
    return [
        f"{head}{part[:3]}-{_VARIANT[part[3]]}{part[4:7]}-{part[7:19]}"
        for part in (noise[at : at + 20] for at in range(0, 20 * count, 20))
    ]


def connect_database(settings: Settings, store: Callable[..., int] | None = None) -> Insert:
    """The real database's insert, which takes nothing in of people who were forgotten.

    Args:
        settings: where the database is.
        store: (engine, rows, *, settings) -> how many were new, for a family that keeps more than its
            predictions.
    """
    from storage.database import make_engine
    from storage.predictions import insert_predictions

    return partial(store or insert_predictions, make_engine(settings), settings=settings)

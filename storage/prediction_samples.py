"""What the monitor reads of recorded predictions: a bounded sample of a span, and figures of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa
from sqlalchemy import Engine

from storage.copying import cursor
from storage.database import transaction
from storage.predictions import count_predictions

SAMPLE_SCHEMA = pa.schema(
    [
        ("entity_id", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("inputs", pa.string()),
        ("answer", pa.string()),
        ("model_version", pa.string()),
    ]
)
_BATCH = 2000
#: Every k-th prediction by a hash of its id: the same rows each time, and no sort of all of them.
_SAMPLE = """
    select entity_id, at, inputs::text, answer::text, model_version from predictions
    where family = %s and at >= %s and at < %s and hashtextextended(id::text, 0) %% %s = 0
    order by at, id limit %s
"""
#: A registry version is a number; whatever else stands there is what answered in its place.
_FIGURES = """
    select count(*),
           count(*) filter (where model_version is null or model_version !~ '^[0-9]+$'),
           percentile_cont(array[0.5, 0.95, 0.99]) within group (order by latency_ms)
    from predictions where family = %s and at >= %s and at < %s
"""


@dataclass(frozen=True)
class Answered:
    """Predictions of a span: how many, how many of them no model gave, and percentiles (0.5, 0.95, 0.99) of the
    milliseconds that they took; empty where none was measured.
    """

    predictions: int
    by_fallback: int
    latency_ms: dict[float, float] = field(default_factory=dict)


def sample_predictions(engine: Engine, family: str, start: datetime, end: datetime, limit: int) -> pa.Table:
    """Predictions of ``family`` of ``start <= at < end`` by :data:`SAMPLE_SCHEMA`, oldest first, at most
    ``limit``; of more, a sample that is the same each time.

    Raises:
        DatabaseUnavailable: the server cannot be reached.
    """
    step = max(1, -(-count_predictions(engine, family, start, end) // limit))
    batches = []
    with transaction(engine) as connection, cursor(connection) as cur:
        cur.execute(_SAMPLE, (family, start, end, step, limit))
        while rows := cur.fetchmany(_BATCH):
            columns = [
                pa.array(column, kind.type)
                for column, kind in zip(zip(*rows, strict=True), SAMPLE_SCHEMA, strict=True)
            ]
            batches.append(pa.record_batch(columns, schema=SAMPLE_SCHEMA))
    return pa.Table.from_batches(batches, SAMPLE_SCHEMA)


def answered(engine: Engine, family: str, start: datetime, end: datetime) -> Answered:
    """Figures of the predictions of ``family`` of ``start <= at < end``."""
    with transaction(engine) as connection, cursor(connection) as cur:
        found = cur.execute(_FIGURES, (family, start, end)).fetchone()
    if not found:
        return Answered(0, 0)
    count, fallback, spread = found
    percentiles = dict(zip((0.5, 0.95, 0.99), spread, strict=True)) if spread else {}
    return Answered(count, fallback, {share: float(ms) for share, ms in percentiles.items() if ms is not None})
